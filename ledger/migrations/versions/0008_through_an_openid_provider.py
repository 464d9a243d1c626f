"""People who sign in to the admin through an OpenID provider.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = """
    CREATE TABLE lockgate.admin_identities (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        tenants TEXT[],
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        disabled_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT admin_identities_pkey PRIMARY KEY (id),
        CONSTRAINT admin_identities_issuer_subject_key UNIQUE (issuer, subject),
        CONSTRAINT admin_identities_name_key UNIQUE (name),
        CONSTRAINT admin_identities_role CHECK (role IN ('admin', 'operator', 'viewer'))
    );
    COMMENT ON COLUMN lockgate.admin_identities.subject IS 'the provider''s name for them, never given to anybody else';
    COMMENT ON COLUMN lockgate.admin_identities.name IS 'as the audit names them, from the first time on';
    COMMENT ON COLUMN lockgate.admin_identities.tenants IS 'all when null';
    COMMENT ON COLUMN lockgate.admin_identities.seen_at IS 'when they last signed in';
    CREATE TABLE lockgate.admin_departures (
        id BYTEA NOT NULL,
        at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        next TEXT NOT NULL,
        CONSTRAINT admin_departures_pkey PRIMARY KEY (id)
    );
    COMMENT ON COLUMN lockgate.admin_departures.id IS 'SHA-256 of the cookie';
    COMMENT ON COLUMN lockgate.admin_departures.next IS 'where they were going here';
    CREATE INDEX admin_departures_at ON lockgate.admin_departures (at);
    ALTER TABLE lockgate.admin_sessions
        ADD COLUMN identity_id BIGINT,
        ALTER COLUMN account_id DROP NOT NULL,
        ADD CONSTRAINT admin_sessions_whose CHECK (num_nonnulls(account_id, identity_id) = 1);
    COMMENT ON COLUMN lockgate.admin_sessions.account_id IS 'of who came with a password';
    COMMENT ON COLUMN lockgate.admin_sessions.identity_id IS 'of who came through an OpenID provider';
    CREATE INDEX admin_sessions_identity_id ON lockgate.admin_sessions (identity_id);
"""


def upgrade() -> None:
    """Tables of their own, and sessions of theirs; an admin of before goes on meanwhile, and sees none of them."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Back to passwords alone; whoever came otherwise is signed out."""
    op.execute("DELETE FROM lockgate.admin_sessions WHERE identity_id IS NOT NULL")
    op.execute("ALTER TABLE lockgate.admin_sessions DROP COLUMN identity_id, ALTER COLUMN account_id SET NOT NULL")
    op.execute("DROP TABLE lockgate.admin_departures, lockgate.admin_identities")
