"""Limits that people lower for a while.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE = """
    CREATE TABLE lockgate.lowered (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        provider TEXT NOT NULL,
        tenant TEXT,
        kind TEXT,
        calls INTEGER NOT NULL,
        per DOUBLE PRECISION NOT NULL,
        "by" TEXT NOT NULL,
        because TEXT NOT NULL,
        since TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
        lifted_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT lowered_pkey PRIMARY KEY (id)
    );
    COMMENT ON COLUMN lockgate.lowered.tenant IS 'all when null';
    COMMENT ON COLUMN lockgate.lowered.kind IS 'all when null';
    COMMENT ON COLUMN lockgate.lowered.per IS 'seconds';
    COMMENT ON COLUMN lockgate.lowered.ends_at IS 'by itself';
    COMMENT ON COLUMN lockgate.lowered.lifted_at IS 'by a person, before that';
    CREATE INDEX lowered_now ON lockgate.lowered (provider) WHERE lifted_at IS NULL;
"""


def upgrade() -> None:
    """A table of its own; nothing else changes."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Back to a ledger without them."""
    op.execute("DROP TABLE lockgate.lowered")
