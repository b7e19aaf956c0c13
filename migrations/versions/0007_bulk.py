"""Many rows in one call: many accounts in one statement, and keys of calls with many outcomes."""

from alembic import op

from migrations.rls import CURRENT_USER_ID, run_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OUTCOMES = """
ALTER TABLE idempotency_keys ADD COLUMN outcome_ids uuid[];
UPDATE idempotency_keys SET outcome_ids = ARRAY[outcome_id] WHERE outcome_id IS NOT NULL;
ALTER TABLE idempotency_keys DROP COLUMN outcome_id
"""

OUTCOME = """
ALTER TABLE idempotency_keys ADD COLUMN outcome_id uuid;
UPDATE idempotency_keys SET outcome_id = outcome_ids[1];
ALTER TABLE idempotency_keys DROP COLUMN outcome_ids
"""

EMAIL = "(SELECT nullif(current_setting('app.email', true), ''))"

# The ids, by commas, of accounts that this transaction makes for other people. They are new ids of its own, so they
# open nobody's account; and no other table's policy reads them.
CREATING = "(SELECT string_to_array(nullif(current_setting('app.creating', true), ''), ',')::uuid[])"


def upgrade() -> None:
    """Let a transaction make the accounts that it announced, and a key remember many outcomes."""
    own, made = f"id = {CURRENT_USER_ID}", f"id = ANY ({CREATING}::uuid[])"
    op.execute(f"ALTER POLICY wall ON users USING ({own} OR email = {EMAIL} OR {made}) WITH CHECK ({own} OR {made})")
    run_script(OUTCOMES)


def downgrade() -> None:
    """Take it back."""
    run_script(OUTCOME)
    op.execute(
        f"ALTER POLICY wall ON users USING (id = {CURRENT_USER_ID} OR email = {EMAIL})"
        f" WITH CHECK (id = {CURRENT_USER_ID})"
    )
