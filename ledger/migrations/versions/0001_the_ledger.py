"""The ledger: operations, their keys, tickets, attempts and dead letters.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="the fence of its claim"),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("lane_id", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.REAL(), server_default="1", nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("operation_id", "number", name=op.f("attempts_pkey")),
        schema="lockgate",
    )
    op.create_index(
        "attempts_started", "attempts", ["started_at"], unique=False, schema="lockgate", postgresql_using="brin"
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_pkey")),
        schema="lockgate",
    )
    op.create_index(op.f("audit_target"), "audit", ["target"], unique=False, schema="lockgate")
    op.create_table(
        "bodies",
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("operation_id", name=op.f("bodies_pkey")),
        schema="lockgate",
    )
    op.create_table(
        "breaker_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("trip", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True, comment="when a probe may be made"),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("breaker_moves_pkey")),
        schema="lockgate",
    )
    op.create_index(
        "breaker_moves_last",
        "breaker_moves",
        ["provider", sa.literal_column("id DESC")],
        unique=False,
        schema="lockgate",
    )
    op.create_table(
        "business_keys",
        sa.Column("id", sa.UUID(), nullable=False, comment="keyed hash of tenant, provider, kind and key"),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_key", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("operation_id", sa.UUID(), nullable=False, comment="the current generation's"),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="keyed digest of the given arguments"),
        sa.Column(
            "schema_version", sa.SmallInteger(), nullable=False, comment="of the arguments that the digest is over"
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("business_keys_pkey")),
        schema="lockgate",
    )
    op.create_index(
        op.f("business_keys_business_key"), "business_keys", ["business_key"], unique=False, schema="lockgate"
    )
    op.create_table(
        "celery_results",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("celery_results_pkey")),
        schema="lockgate",
    )
    op.create_table(
        "chord_parts",
        sa.Column("chord_id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("position", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chord_id", "ticket_id", name=op.f("chord_parts_pkey")),
        schema="lockgate",
    )
    op.create_table(
        "chords",
        sa.Column("id", sa.Text(), nullable=False, comment="the group of its members"),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("added", sa.Integer(), server_default="0", nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("chords_pkey")),
        schema="lockgate",
    )
    op.create_table(
        "connections",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False, comment="keyed fingerprint, never the credential"),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "provider", "credential", name=op.f("connections_pkey")),
        schema="lockgate",
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True, comment="normalised"),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("dead_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("decide_by", sa.DateTime(timezone=True), nullable=True, comment="held for a canvas until then"),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('closed', 'discarded', 'open', 'requeued', 'resolved', 'superseded')",
            name=op.f("dead_letters_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("dead_letters_pkey")),
        sa.UniqueConstraint("operation_id", "epoch", name=op.f("dead_letters_operation_id_epoch_key")),
        schema="lockgate",
    )
    op.create_index(
        "dead_letters_group",
        "dead_letters",
        ["fingerprint"],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "dead_letters_hold",
        "dead_letters",
        ["decide_by"],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("status = 'open' AND decide_by IS NOT NULL"),
    )
    op.create_index(
        "dead_letters_open",
        "dead_letters",
        [sa.literal_column("id DESC")],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "holds",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("held IN ('closed', 'open')", name=op.f("holds_held")),
        sa.PrimaryKeyConstraint("provider", name=op.f("holds_pkey")),
        schema="lockgate",
    )
    op.create_table(
        "lanes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False, comment="'local' for plain tasks"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False, comment="the Celery task that carries it out"),
        sa.Column(
            "held_by", sa.Text(), nullable=True, comment="why the sweep holds it back: breaker, rate:…, paused, window"
        ),
        sa.Column("held_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "paced_until",
            sa.DateTime(timezone=True),
            server_default="-infinity",
            nullable=False,
            comment="until then only the sweep hints",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("lanes_pkey")),
        sa.UniqueConstraint(
            "queue",
            "tenant",
            "provider",
            "kind",
            "priority",
            name=op.f("lanes_queue_tenant_provider_kind_priority_key"),
        ),
        schema="lockgate",
    )
    op.create_table(
        "ledger",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "identity",
            sa.LargeBinary(),
            nullable=False,
            comment="sealed secret that names this ledger; survives a restore",
        ),
        sa.Column(
            "hint_epoch",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="raised when Redis lost its hints",
        ),
        sa.Column(
            "timeline", sa.Text(), server_default="", nullable=False, comment="PostgreSQL's timeline as last seen"
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True, comment="PostgreSQL's start as last seen"),
        sa.Column(
            "reap_after",
            sa.DateTime(timezone=True),
            server_default="-infinity",
            nullable=False,
            comment="until then no lease is taken back",
        ),
        sa.Column(
            "calm_until",
            sa.DateTime(timezone=True),
            server_default="-infinity",
            nullable=False,
            comment="no absence counts, no X or Q goes",
        ),
        sa.CheckConstraint("singleton", name=op.f("ledger_one_row")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("ledger_pkey")),
        schema="lockgate",
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.UUID(), nullable=False, comment="version 7: ordered by time"),
        sa.Column("lane_id", sa.BigInteger(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("business_key_id", sa.UUID(), nullable=True),
        sa.Column("business_key", sa.Text(), nullable=True),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "epoch",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="raised by a requeue; the keys do not change",
        ),
        sa.Column("supersedes", sa.UUID(), nullable=True, comment="the generation before"),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False, comment="the first ticket, which hints name"),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("reason", sa.Text(), server_default="new", nullable=True, comment="why it waits, or why it is dead"),
        sa.Column("effect", sa.Text(), server_default="none", nullable=False, comment="the join over all attempts"),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False, comment="attempts used up"),
        sa.Column(
            "pending_trip", sa.Integer(), nullable=True, comment="one more, unless the breaker moved on from this trip"
        ),
        sa.Column("inquiries", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "crashes",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="claims in a row lost with their worker",
        ),
        sa.Column(
            "fence", sa.Integer(), server_default="0", nullable=False, comment="raised by every claim; guards the state"
        ),
        sa.Column(
            "purpose", sa.Text(), nullable=True, comment="why the running attempt is made: send, inquire or await"
        ),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column(
            "decide_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the sweep must judge it, whatever it waits for",
        ),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "revoked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="a wish, obeyed between attempts and where the effect is none",
        ),
        sa.Column("hinted_at", sa.DateTime(timezone=True), nullable=True, comment="a hint is under way since then"),
        sa.Column("hint_epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "send_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="K: the provider may have forgotten the key after this",
        ),
        sa.Column(
            "settle_from", sa.DateTime(timezone=True), nullable=True, comment="from then on an absence may count"
        ),
        sa.Column(
            "absent_at", sa.DateTime(timezone=True), nullable=True, comment="the first reading of absence that counted"
        ),
        sa.Column("frozen", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("account", sa.Text(), nullable=True, comment="the provider's account, frozen with the first attempt"),
        sa.Column("reference", sa.Text(), nullable=True, comment="the provider's name for what it made"),
        sa.Column("code", sa.Text(), nullable=True, comment="the provider's code of a refusal"),
        sa.Column(
            "accepted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("effect IN ('done', 'none', 'unknown')", name=op.f("operations_effect")),
        sa.CheckConstraint(
            "state IN ('awaiting', 'calling', 'dead', 'declined', 'discarded', 'succeeded', 'superseded', 'unconfirmed', 'waiting')",
            name=op.f("operations_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("operations_pkey")),
        schema="lockgate",
    )
    op.create_index(
        "operations_decide",
        "operations",
        ["decide_at"],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("state IN ('awaiting', 'unconfirmed', 'waiting')"),
    )
    op.create_index(
        "operations_due",
        "operations",
        ["lane_id", "due_at"],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("state IN ('awaiting', 'unconfirmed', 'waiting')"),
    )
    op.create_index(
        "operations_leases",
        "operations",
        ["lease_until"],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("state = 'calling'"),
    )
    op.create_table(
        "pauses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=True, comment="all when null"),
        sa.Column("kind", sa.Text(), nullable=True, comment="all when null"),
        sa.Column("cause", sa.Text(), nullable=False, comment="person or connection"),
        sa.Column("credential", sa.Text(), nullable=True, comment="fingerprint of the credential that was refused"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cause IN ('connection', 'person')", name=op.f("pauses_cause")),
        sa.PrimaryKeyConstraint("id", name=op.f("pauses_pkey")),
        schema="lockgate",
    )
    op.create_index(
        "pauses_now",
        "pauses",
        ["provider"],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "replies",
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "id", sa.UUID(), nullable=False, comment="chosen by who heard it, so that writing it twice adds it once"
        ),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=False,
            comment="succeeded, accepted, declined, open, failed, deferred, present, …",
        ),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("effect", sa.Text(), nullable=False, comment="of this attempt alone"),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="HTTP"),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True, comment="normalised: no ids, addresses or amounts"),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("elapsed", sa.DOUBLE_PRECISION(), nullable=True, comment="seconds"),
        sa.Column("request_id", sa.Text(), nullable=True, comment="the provider's name for the exchange"),
        sa.Column("sealed", sa.LargeBinary(), nullable=True, comment="evidence and result"),
        sa.Column("heard_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("operation_id", "number", "id", name=op.f("replies_pkey")),
        schema="lockgate",
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.UUID(), nullable=False),
        sa.Column(
            "sealed", sa.LargeBinary(), nullable=True, comment="the Celery message, where it holds more than the hint"
        ),
        sa.Column(
            "alias", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="not the operation's first"
        ),
        sa.Column(
            "follows",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="something follows its end",
        ),
        sa.Column("finalised_at", sa.DateTime(timezone=True), nullable=True, comment="what follows has been sent"),
        sa.Column("follow_failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column(
            "follow_at",
            sa.DateTime(timezone=True),
            server_default="infinity",
            nullable=False,
            comment="when what follows is next hinted at",
        ),
        sa.Column("children", sa.LargeBinary(), nullable=True, comment="sealed: results of what followed, for Celery"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("tickets_pkey")),
        schema="lockgate",
    )
    op.create_index(
        "tickets_alias", "tickets", ["operation_id"], unique=False, schema="lockgate", postgresql_where=sa.text("alias")
    )
    op.create_index(
        "tickets_follow",
        "tickets",
        ["follow_at"],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("finalised_at IS NULL AND follow_at < 'infinity'"),
    )
    op.create_index(
        "tickets_open",
        "tickets",
        ["operation_id"],
        unique=False,
        schema="lockgate",
        postgresql_where=sa.text("follows AND finalised_at IS NULL"),
    )
    op.execute("""
        CREATE FUNCTION lockgate.only_added() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of lockgate.% are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
    """)
    for table in ("attempts", "replies", "audit", "breaker_moves"):
        op.execute(f"""
            CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON lockgate.{table}
            FOR EACH ROW EXECUTE FUNCTION lockgate.only_added()
        """)


def downgrade() -> None:
    op.drop_index(
        "tickets_open",
        table_name="tickets",
        schema="lockgate",
        postgresql_where=sa.text("follows AND finalised_at IS NULL"),
    )
    op.drop_index(
        "tickets_follow",
        table_name="tickets",
        schema="lockgate",
        postgresql_where=sa.text("finalised_at IS NULL AND follow_at < 'infinity'"),
    )
    op.drop_index("tickets_alias", table_name="tickets", schema="lockgate", postgresql_where=sa.text("alias"))
    op.drop_table("tickets", schema="lockgate")
    op.drop_table("replies", schema="lockgate")
    op.drop_index("pauses_now", table_name="pauses", schema="lockgate", postgresql_where=sa.text("lifted_at IS NULL"))
    op.drop_table("pauses", schema="lockgate")
    op.drop_index(
        "operations_leases", table_name="operations", schema="lockgate", postgresql_where=sa.text("state = 'calling'")
    )
    op.drop_index(
        "operations_due",
        table_name="operations",
        schema="lockgate",
        postgresql_where=sa.text("state IN ('awaiting', 'unconfirmed', 'waiting')"),
    )
    op.drop_index(
        "operations_decide",
        table_name="operations",
        schema="lockgate",
        postgresql_where=sa.text("state IN ('awaiting', 'unconfirmed', 'waiting')"),
    )
    op.drop_table("operations", schema="lockgate")
    op.drop_table("ledger", schema="lockgate")
    op.drop_table("lanes", schema="lockgate")
    op.drop_table("holds", schema="lockgate")
    op.drop_index(
        "dead_letters_open", table_name="dead_letters", schema="lockgate", postgresql_where=sa.text("status = 'open'")
    )
    op.drop_index(
        "dead_letters_hold",
        table_name="dead_letters",
        schema="lockgate",
        postgresql_where=sa.text("status = 'open' AND decide_by IS NOT NULL"),
    )
    op.drop_index(
        "dead_letters_group", table_name="dead_letters", schema="lockgate", postgresql_where=sa.text("status = 'open'")
    )
    op.drop_table("dead_letters", schema="lockgate")
    op.drop_table("connections", schema="lockgate")
    op.drop_table("chords", schema="lockgate")
    op.drop_table("chord_parts", schema="lockgate")
    op.drop_table("celery_results", schema="lockgate")
    op.drop_index(op.f("business_keys_business_key"), table_name="business_keys", schema="lockgate")
    op.drop_table("business_keys", schema="lockgate")
    op.drop_index("breaker_moves_last", table_name="breaker_moves", schema="lockgate")
    op.drop_table("breaker_moves", schema="lockgate")
    op.drop_table("bodies", schema="lockgate")
    op.drop_index(op.f("audit_target"), table_name="audit", schema="lockgate")
    op.drop_table("audit", schema="lockgate")
    op.drop_index("attempts_started", table_name="attempts", schema="lockgate", postgresql_using="brin")
    op.drop_table("attempts", schema="lockgate")
    op.execute("DROP FUNCTION lockgate.only_added()")
