"""After a restore from a backup: what the ledger says was not sent may have been.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = """
    SET LOCAL lock_timeout = '2s';
    ALTER TABLE lockgate.ledger
        ADD COLUMN restores INTEGER DEFAULT '0' NOT NULL,
        ADD COLUMN trusted INTEGER DEFAULT '0' NOT NULL,
        ADD COLUMN restored_to TIMESTAMP WITH TIME ZONE;
    ALTER TABLE lockgate.operations ADD COLUMN cleared INTEGER DEFAULT '0' NOT NULL;
    COMMENT ON COLUMN lockgate.ledger.restores IS 'times that it went back in time';
    COMMENT ON COLUMN lockgate.ledger.trusted IS 'restores that what is new need not ask for';
    COMMENT ON COLUMN lockgate.ledger.restored_to IS 'no later than the backup''s last transaction';
    COMMENT ON COLUMN lockgate.operations.cleared IS 'restores since which it was asked about';
"""


def upgrade() -> None:
    """Constants as defaults: no row is rewritten."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Back to a ledger that knows of no restore."""
    op.execute(
        "ALTER TABLE lockgate.operations DROP COLUMN cleared; ALTER TABLE lockgate.ledger DROP COLUMN restores, "
        "DROP COLUMN trusted, DROP COLUMN restored_to"
    )
