"""How many dead letters lie open, kept for each provider and tenant.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLE = """
    CREATE TABLE lockgate.open_letters (
        provider TEXT NOT NULL,
        tenant TEXT NOT NULL,
        open BIGINT NOT NULL,
        CONSTRAINT open_letters_pkey PRIMARY KEY (provider, tenant)
    );
"""

# By a trigger and not by whoever adds up, for workers of before add up as well while they are replaced.
_TRIGGER = """
    CREATE FUNCTION lockgate.changes_added_up() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO lockgate.open_letters AS kept (provider, tenant, open)
        SELECT d.provider, c.tenant, sum(c.open) FROM taken c JOIN lockgate.dead_letters d ON d.id = c.newest
        GROUP BY d.provider, c.tenant HAVING sum(c.open) <> 0
        ON CONFLICT (provider, tenant) DO UPDATE SET open = kept.open + excluded.open;
        RETURN NULL;
    END $$;
    CREATE TRIGGER changes_added_up AFTER DELETE ON lockgate.group_changes
        REFERENCING OLD TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION lockgate.changes_added_up();
"""
# It is written and emptied all day: what is left of that must not be walked over by every page that looks at what is new.
_TIDY = "ALTER TABLE lockgate.group_changes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)"
_FILL = """
    INSERT INTO lockgate.open_letters (provider, tenant, open)
    SELECT g.provider, t.tenant, sum(t.open) FROM lockgate.group_tenants t JOIN lockgate.groups g USING (fingerprint)
    GROUP BY g.provider, t.tenant HAVING sum(t.open) <> 0
"""


def upgrade() -> None:
    """Nobody adds up from the trigger on until this is committed, so that nothing is counted twice or not at all."""
    op.execute(_TABLE)
    op.execute(_TRIGGER)
    op.execute(_TIDY)
    op.execute(_FILL)


def downgrade() -> None:
    """Back to adding up all groups for the overview."""
    op.execute(
        "ALTER TABLE lockgate.group_changes RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)"
    )
    op.execute("DROP TRIGGER changes_added_up ON lockgate.group_changes")
    op.execute("DROP FUNCTION lockgate.changes_added_up()")
    op.execute("DROP TABLE lockgate.open_letters")
