"""What is rare is found at once in a long past: a tenant's few operations, and open letters of an effect or a class.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXES = {
    "operations_lane": "lockgate.operations (lane_id, id)",
    "operations_lane_ended_otherwise": "lockgate.operations (lane_id, state, id) "
    "WHERE state IN ('dead', 'declined', 'discarded', 'superseded')",
    "dead_letters_effect": "lockgate.dead_letters (effect, id DESC) WHERE status = 'open'",
    "dead_letters_error_class": "lockgate.dead_letters (error_class, id DESC) WHERE status = 'open'",
}


def upgrade() -> None:
    """Made while others write; of a long past the first takes a minute or more."""
    with op.get_context().autocommit_block():
        for name, what in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS lockgate.{name}")  # of a try that was cut off
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")


def downgrade() -> None:
    """Such lists walk far back again."""
    for name in _INDEXES:
        op.execute(f"DROP INDEX lockgate.{name}")
