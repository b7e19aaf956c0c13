"""What the shared tests try of labels: it follows from the schema, the model, and who may do what."""

from services import labels
from tests.support.derived_cases import derive_cases

CASES = derive_cases("Label", labels.LABELS, read_by="member", written_by="admin")
