"""What Atrium remembers: the tables, and the database they live in.

Rows only: no rule lives here. `models.Task` is the row, `services.tasks` its rules, `graph.tasks` its face.
"""

from models.accounts import LoginSession, Throttle, User
from models.base import Model, Row, row_class
from models.idempotency import IdempotencyKey
from models.projects import Project
from models.tasks import Task, TaskStatus
from models.tenants import Invitation, Membership, Role, Tenant

__all__ = [
    "IdempotencyKey",
    "Invitation",
    "LoginSession",
    "Membership",
    "Model",
    "Project",
    "Role",
    "Row",
    "Task",
    "TaskStatus",
    "Tenant",
    "Throttle",
    "User",
    "row_class",
]
