"""A run remembers what had gone before it was last begun, and which letters that came back are forgiven.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE lockgate.runs DROP COLUMN forgiven;
        ALTER TABLE lockgate.runs ADD COLUMN gone_before BIGINT DEFAULT '0' NOT NULL;
        COMMENT ON COLUMN lockgate.runs.gone_before IS 'letters that had gone when it was last begun';
        ALTER TABLE lockgate.run_letters ADD COLUMN forgiven BOOLEAN DEFAULT false NOT NULL;
        COMMENT ON COLUMN lockgate.run_letters.forgiven IS 'it had come back when the run was resumed';
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE lockgate.run_letters DROP COLUMN forgiven;
        ALTER TABLE lockgate.runs DROP COLUMN gone_before;
        ALTER TABLE lockgate.runs ADD COLUMN forgiven BIGINT DEFAULT '0' NOT NULL;
        COMMENT ON COLUMN lockgate.runs.forgiven IS 'came back before the last resume';
    """)
