"""Operations that did not end well are found by their state however many did.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NAME = "lockgate.operations_ended_otherwise"


def upgrade() -> None:
    """An index that what goes well never touches; made while others write."""
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_NAME}")  # of a try that was cut off
        op.execute(
            "CREATE INDEX CONCURRENTLY operations_ended_otherwise ON lockgate.operations (state, id) "
            "WHERE state IN ('dead', 'declined', 'discarded', 'superseded')"
        )


def downgrade() -> None:
    """Lists of a rare state walk far back again."""
    op.execute(f"DROP INDEX {_NAME}")
