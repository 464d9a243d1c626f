"""Acting on dead letters: groups with kept counts, looks, plans and runs, edits.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = """
    CREATE TABLE lockgate.groups (
        fingerprint TEXT NOT NULL,
        provider TEXT NOT NULL,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        error_class TEXT,
        effect TEXT NOT NULL,
        code TEXT,
        message TEXT,
        open BIGINT DEFAULT '0' NOT NULL,
        seen BIGINT DEFAULT '0' NOT NULL,
        first_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_at TIMESTAMP WITH TIME ZONE NOT NULL,
        newest BIGINT NOT NULL,
        status TEXT DEFAULT 'open' NOT NULL,
        status_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        status_by TEXT DEFAULT 'lockgate' NOT NULL,
        ignore_until TIMESTAMP WITH TIME ZONE,
        ignore_rate INTEGER,
        assignee TEXT,
        tags TEXT[] DEFAULT '{}'::text[] NOT NULL,
        CONSTRAINT groups_pkey PRIMARY KEY (fingerprint),
        CONSTRAINT groups_status CHECK (status IN ('acknowledged', 'ignored', 'open', 'reopened', 'resolved'))
    );
    CREATE INDEX groups_newest ON lockgate.groups (last_at DESC, fingerprint);
    CREATE INDEX groups_set_aside ON lockgate.groups (last_at) WHERE status IN ('ignored', 'resolved');
    CREATE INDEX groups_unsettled ON lockgate.groups (last_at DESC, fingerprint) WHERE open > 0;
    COMMENT ON COLUMN lockgate.groups.reason IS 'of its first letter';
    COMMENT ON COLUMN lockgate.groups.message IS 'normalised';
    COMMENT ON COLUMN lockgate.groups.open IS 'letters that wait for a person';
    COMMENT ON COLUMN lockgate.groups.seen IS 'letters that ever waited for one';
    COMMENT ON COLUMN lockgate.groups.newest IS 'its newest letter';
    COMMENT ON COLUMN lockgate.groups.ignore_until IS 'ignored until then';
    COMMENT ON COLUMN lockgate.groups.ignore_rate IS 'ignored until more than so many come in one hour';
    CREATE TABLE lockgate.group_changes (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        fingerprint TEXT NOT NULL,
        tenant TEXT NOT NULL,
        hour TIMESTAMP WITH TIME ZONE NOT NULL,
        open BIGINT NOT NULL,
        seen BIGINT NOT NULL,
        first_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_at TIMESTAMP WITH TIME ZONE NOT NULL,
        newest BIGINT NOT NULL,
        CONSTRAINT group_changes_pkey PRIMARY KEY (id)
    );
    CREATE TABLE lockgate.group_hours (
        fingerprint TEXT NOT NULL,
        hour TIMESTAMP WITH TIME ZONE NOT NULL,
        seen BIGINT NOT NULL,
        CONSTRAINT group_hours_pkey PRIMARY KEY (fingerprint, hour)
    );
    CREATE TABLE lockgate.group_tenants (
        fingerprint TEXT NOT NULL,
        tenant TEXT NOT NULL,
        open BIGINT NOT NULL,
        seen BIGINT NOT NULL,
        last_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT group_tenants_pkey PRIMARY KEY (fingerprint, tenant)
    );
    CREATE TABLE lockgate.looks (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        operation_id UUID NOT NULL,
        at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        actor TEXT NOT NULL,
        said TEXT NOT NULL,
        here JSONB NOT NULL,
        there JSONB NOT NULL,
        differs TEXT[] NOT NULL,
        CONSTRAINT looks_pkey PRIMARY KEY (id)
    );
    CREATE INDEX looks_operation_id ON lockgate.looks (operation_id);
    COMMENT ON COLUMN lockgate.looks.said IS 'the finding, as half a sentence';
    COMMENT ON COLUMN lockgate.looks.differs IS 'the fields in which the two differ';
    CREATE TABLE lockgate.runs (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        name TEXT NOT NULL,
        state TEXT DEFAULT 'planned' NOT NULL,
        filter JSONB NOT NULL,
        figures JSONB DEFAULT '{}' NOT NULL,
        canary INTEGER NOT NULL,
        tolerate INTEGER NOT NULL,
        width INTEGER NOT NULL,
        proven INTEGER DEFAULT '0' NOT NULL,
        forgiven BIGINT DEFAULT '0' NOT NULL,
        because TEXT NOT NULL,
        planned_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        planned_by TEXT NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE,
        started_by TEXT,
        ended_at TIMESTAMP WITH TIME ZONE,
        why TEXT,
        CONSTRAINT runs_pkey PRIMARY KEY (id),
        CONSTRAINT runs_state CHECK (state IN ('canary', 'cancelled', 'done', 'paused', 'planned', 'running', 'stopped'))
    );
    CREATE INDEX runs_active ON lockgate.runs (id) WHERE state IN ('canary', 'running');
    COMMENT ON COLUMN lockgate.runs.filter IS 'what the set was frozen from';
    COMMENT ON COLUMN lockgate.runs.figures IS 'the dry run';
    COMMENT ON COLUMN lockgate.runs.canary IS 'letters that go first';
    COMMENT ON COLUMN lockgate.runs.tolerate IS 'letters that may come back alike before it stops';
    COMMENT ON COLUMN lockgate.runs.width IS 'letters that may be on their way at once';
    COMMENT ON COLUMN lockgate.runs.proven IS 'letters that came home since the last step';
    COMMENT ON COLUMN lockgate.runs.forgiven IS 'came back before the last resume';
    COMMENT ON COLUMN lockgate.runs.why IS 'why it stopped';
    CREATE TABLE lockgate.run_letters (
        run_id BIGINT NOT NULL,
        letter_id BIGINT NOT NULL,
        operation_id UUID NOT NULL,
        fingerprint TEXT NOT NULL,
        asks_first BOOLEAN NOT NULL,
        key_expired BOOLEAN NOT NULL,
        later BOOLEAN NOT NULL,
        state TEXT DEFAULT 'waiting' NOT NULL,
        why TEXT,
        epoch INTEGER,
        alike BOOLEAN,
        CONSTRAINT run_letters_pkey PRIMARY KEY (run_id, letter_id),
        CONSTRAINT run_letters_state CHECK (state IN ('back', 'declined', 'gone', 'sent', 'skipped', 'succeeded', 'waiting'))
    );
    CREATE INDEX run_letters_letter ON lockgate.run_letters (letter_id);
    CREATE INDEX run_letters_state ON lockgate.run_letters (run_id, state, letter_id);
    COMMENT ON COLUMN lockgate.run_letters.later IS 'the same entity has later work';
    COMMENT ON COLUMN lockgate.run_letters.epoch IS 'the one in which it was sent';
    COMMENT ON COLUMN lockgate.run_letters.alike IS 'it came back as it had been';
    CREATE TABLE lockgate.edits (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        letter_id BIGINT NOT NULL,
        operation_id UUID NOT NULL,
        tenant TEXT NOT NULL,
        new_operation_id UUID,
        state TEXT DEFAULT 'waiting' NOT NULL,
        sealed BYTEA NOT NULL,
        by TEXT NOT NULL,
        because TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        decided_by TEXT,
        decided_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT edits_pkey PRIMARY KEY (id),
        CONSTRAINT edits_state CHECK (state IN ('applied', 'rejected', 'waiting'))
    );
    CREATE INDEX edits_letter_id ON lockgate.edits (letter_id);
    CREATE UNIQUE INDEX edits_waiting ON lockgate.edits (letter_id) WHERE state = 'waiting';
    COMMENT ON COLUMN lockgate.edits.sealed IS 'the arguments, and how they differ';
"""

_INDEXES = """
    DROP INDEX lockgate.business_keys_business_key;
    CREATE INDEX business_keys_business_key ON lockgate.business_keys (business_key text_pattern_ops);
    DROP INDEX lockgate.dead_letters_group;
    CREATE INDEX dead_letters_closed ON lockgate.dead_letters (closed_at) WHERE status <> 'open';
    CREATE INDEX dead_letters_fingerprint ON lockgate.dead_letters (fingerprint, id DESC) WHERE status = 'open';
    CREATE INDEX dead_letters_kind ON lockgate.dead_letters (kind, id DESC) WHERE status = 'open';
    CREATE INDEX dead_letters_status ON lockgate.dead_letters (status, id DESC) WHERE status <> 'open';
    CREATE INDEX dead_letters_provider ON lockgate.dead_letters (provider, id DESC) WHERE status = 'open';
    CREATE INDEX dead_letters_tenant ON lockgate.dead_letters (tenant, id DESC) WHERE status = 'open';
"""

# The letters that there are get the fingerprints of now: provider, kind, class (or the reason where there is none), effect,
# code and message, as deadletter/park.py makes them.
_REFILED = """
    UPDATE lockgate.dead_letters SET fingerprint = left(encode(sha256(convert_to(concat_ws(E'\\x1f', provider, kind,
        coalesce(error_class, reason), effect, coalesce(code, ''), coalesce(message, '')), 'UTF8')), 'hex'), 12)
"""

_CHANGES = """
    INSERT INTO lockgate.group_changes (fingerprint, tenant, hour, open, seen, first_at, last_at, newest)
    SELECT fingerprint, tenant, date_trunc('hour', dead_at), count(*) FILTER (WHERE status = 'open'),
        count(*) FILTER (WHERE status = 'open'), min(dead_at), max(dead_at), max(id)
    FROM {rows} GROUP BY 1, 2, 3
"""

# One statement that parks or closes many letters adds one row for each group, tenant and hour. A letter that moves to another
# group leaves the one and is seen in the other.
_TRIGGERS = f"""
    CREATE FUNCTION lockgate.letters_added() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {_CHANGES.format(rows="added").strip()}
        HAVING count(*) FILTER (WHERE status = 'open') > 0;
        RETURN NULL;
    END $$;
    CREATE FUNCTION lockgate.letters_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO lockgate.group_changes (fingerprint, tenant, hour, open, seen, first_at, last_at, newest)
        SELECT fingerprint, tenant, hour, sum(open), sum(seen), min(dead_at), max(dead_at), max(id)
        FROM (
            SELECT o.fingerprint, o.tenant, date_trunc('hour', o.dead_at) AS hour, o.dead_at, o.id,
                -(o.status = 'open')::int AS open, -(o.fingerprint <> n.fingerprint)::int AS seen
            FROM before o JOIN after n ON n.id = o.id
            UNION ALL
            SELECT n.fingerprint, n.tenant, date_trunc('hour', n.dead_at), n.dead_at, n.id,
                (n.status = 'open')::int, (o.fingerprint <> n.fingerprint)::int
            FROM before o JOIN after n ON n.id = o.id
        ) AS moved
        GROUP BY fingerprint, tenant, hour HAVING sum(open) <> 0 OR sum(seen) <> 0;
        RETURN NULL;
    END $$;
    CREATE TRIGGER letters_added AFTER INSERT ON lockgate.dead_letters
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION lockgate.letters_added();
    CREATE TRIGGER letters_changed AFTER UPDATE ON lockgate.dead_letters
        REFERENCING OLD TABLE AS before NEW TABLE AS after
        FOR EACH STATEMENT EXECUTE FUNCTION lockgate.letters_changed();
    CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON lockgate.looks
        FOR EACH ROW EXECUTE FUNCTION lockgate.only_added();
"""


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_INDEXES)
    op.execute(_REFILED)
    op.execute(_CHANGES.format(rows="lockgate.dead_letters"))
    op.execute(_TRIGGERS)
    for table in ("attempts", "replies", "audit", "breaker_moves", "looks"):
        op.execute(f"""
            CREATE TRIGGER never_emptied BEFORE TRUNCATE ON lockgate.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION lockgate.only_added()
        """)


def downgrade() -> None:
    for table in ("attempts", "replies", "audit", "breaker_moves", "looks"):
        op.execute(f"DROP TRIGGER never_emptied ON lockgate.{table}")
    op.execute("""
        DROP TRIGGER letters_added ON lockgate.dead_letters;
        DROP TRIGGER letters_changed ON lockgate.dead_letters;
        DROP FUNCTION lockgate.letters_added();
        DROP FUNCTION lockgate.letters_changed();
        DROP TABLE lockgate.edits, lockgate.run_letters, lockgate.runs, lockgate.looks, lockgate.group_tenants,
            lockgate.group_hours, lockgate.group_changes, lockgate.groups;
        DROP INDEX lockgate.dead_letters_closed, lockgate.dead_letters_fingerprint, lockgate.dead_letters_kind, lockgate.dead_letters_status,
            lockgate.dead_letters_provider, lockgate.dead_letters_tenant, lockgate.business_keys_business_key;
        CREATE INDEX dead_letters_group ON lockgate.dead_letters (fingerprint) WHERE status = 'open';
        CREATE INDEX business_keys_business_key ON lockgate.business_keys (business_key);
    """)
