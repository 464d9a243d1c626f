"""The tables. What is private is in columns called `sealed`; keys and states are not.

docs/decisions/0002-the-schema.md says why they are cut like this, and what may be partitioned.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB, REAL, UUID

from operations.outcome import Effect
from operations.states import DUE, State

SCHEMA = "lockgate"
metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
        "pk": "%(table_name)s_pkey",
    },
)
_now = func.clock_timestamp()
_time = DateTime(timezone=True)


def _one_of(column: str, values: "list[str]") -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in sorted(values))
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _in(states: "frozenset[State]") -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


#: One row: who this ledger is, and what must outlive Redis and a failover.
ledger = Table(
    "ledger",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("identity", LargeBinary, nullable=False, comment="sealed secret that names this ledger; survives a restore"),
    Column("hint_epoch", BigInteger, nullable=False, server_default="0", comment="raised when Redis lost its hints"),
    Column("timeline", Text, nullable=False, server_default="", comment="PostgreSQL's timeline as last seen"),
    Column("started_at", _time, comment="PostgreSQL's start as last seen"),
    Column(
        "reap_after", _time, nullable=False, server_default="-infinity", comment="until then no lease is taken back"
    ),
    Column(
        "calm_until", _time, nullable=False, server_default="-infinity", comment="no absence counts, no X or Q goes"
    ),
    Column("restores", Integer, nullable=False, server_default="0", comment="times that it went back in time"),
    Column(
        "trusted", Integer, nullable=False, server_default="0", comment="restores that what is new need not ask for"
    ),
    Column("restored_to", _time, comment="no later than the backup's last transaction"),
    CheckConstraint("singleton", name="one_row"),
)

#: Where operations queue up: (queue, tenant, provider, kind, priority). Rows are few, and never deleted.
lanes = Table(
    "lanes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("queue", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("provider", Text, nullable=False, comment="'local' for plain tasks"),
    Column("kind", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("task", Text, nullable=False, comment="the Celery task that carries it out"),
    Column("held_by", Text, comment="why the sweep holds it back: breaker, rate:…, paused, window"),
    Column("held_since", _time),
    Column("paced_until", _time, nullable=False, server_default="-infinity", comment="until then only the sweep hints"),
    UniqueConstraint("queue", "tenant", "provider", "kind", "priority"),
)

#: Uniqueness, for ever: never partitioned by time, never deleted with operations.
business_keys = Table(
    "business_keys",
    metadata,
    Column("id", UUID, primary_key=True, comment="keyed hash of tenant, provider, kind and key"),
    Column("tenant", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("business_key", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("operation_id", UUID, nullable=False, comment="the current generation's"),
    Column("digest", LargeBinary, nullable=False, comment="keyed digest of the given arguments"),
    Column("schema_version", SmallInteger, nullable=False, comment="of the arguments that the digest is over"),
    Column("created_at", _time, nullable=False, server_default=_now),
)
# Serves a key, and all keys that begin alike: the work of one entity, such as order:1001.
Index("business_keys_business_key", business_keys.c.business_key, postgresql_ops={"business_key": "text_pattern_ops"})

operations = Table(
    "operations",
    metadata,
    Column("id", UUID, primary_key=True, comment="version 7: ordered by time"),
    Column("lane_id", BigInteger, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("business_key_id", UUID),
    Column("business_key", Text),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("epoch", Integer, nullable=False, server_default="1", comment="raised by a requeue; the keys do not change"),
    Column("supersedes", UUID, comment="the generation before"),
    Column("idempotency_key", Text, nullable=False),
    Column("ticket_id", Text, nullable=False, comment="the first ticket, which hints name"),
    Column("state", Text, nullable=False, server_default=State.WAITING),
    Column("reason", Text, server_default="new", comment="why it waits, or why it is dead"),
    Column("effect", Text, nullable=False, server_default=Effect.NONE, comment="the join over all attempts"),
    Column("error_class", Text),
    Column("failures", SmallInteger, nullable=False, server_default="0", comment="attempts used up"),
    Column("pending_trip", Integer, comment="one more, unless the breaker moved on from this trip"),
    Column("inquiries", Integer, nullable=False, server_default="0"),
    Column(
        "crashes", SmallInteger, nullable=False, server_default="0", comment="claims in a row lost with their worker"
    ),
    Column("fence", Integer, nullable=False, server_default="0", comment="raised by every claim; guards the state"),
    Column("purpose", Text, comment="why the running attempt is made: send, inquire or await"),
    Column("lease_token", UUID),
    Column("lease_until", _time),
    Column("worker", Text),
    Column("due_at", _time, nullable=False, server_default=_now),
    Column("decide_at", _time, nullable=False, comment="when the sweep must judge it, whatever it waits for"),
    Column("deadline_at", _time, nullable=False),
    Column("expires_at", _time),
    Column("revoked_at", _time, comment="a wish, obeyed between attempts and where the effect is none"),
    Column("hinted_at", _time, comment="a hint is under way since then"),
    Column("hint_epoch", BigInteger, nullable=False, server_default="0"),
    Column("first_sent_at", _time),
    Column("send_until", _time, comment="K: the provider may have forgotten the key after this"),
    Column("settle_from", _time, comment="from then on an absence may count"),
    Column("absent_at", _time, comment="the first reading of absence that counted"),
    Column("frozen", Boolean, nullable=False, server_default=text("false")),
    Column("cleared", Integer, nullable=False, server_default="0", comment="restores since which it was asked about"),
    Column("account", Text, comment="the provider's account, frozen with the first attempt"),
    Column("reference", Text, comment="the provider's name for what it made"),
    Column("code", Text, comment="the provider's code of a refusal"),
    Column("accepted_at", _time, nullable=False, server_default=_now),
    Column("ended_at", _time),
    _one_of("state", list(State)),
    _one_of("effect", list(Effect)),
)
Index("operations_due", operations.c.lane_id, operations.c.due_at, postgresql_where=text(f"state IN ({_in(DUE)})"))
Index("operations_decide", operations.c.decide_at, postgresql_where=text(f"state IN ({_in(DUE)})"))
#: Lists for people: the newest of a tenant, page by page.
Index("operations_lane", operations.c.lane_id, operations.c.id)
# What goes well, nearly all, never touches it.
Index(
    "operations_ended_otherwise", operations.c.state, operations.c.id,
    postgresql_where=text("state IN ('dead', 'declined', 'discarded', 'superseded')"),
)  # fmt: skip
Index(
    "operations_lane_ended_otherwise", operations.c.lane_id, operations.c.state, operations.c.id,
    postgresql_where=text("state IN ('dead', 'declined', 'discarded', 'superseded')"),
)  # fmt: skip
Index("operations_leases", operations.c.lease_until, postgresql_where=text("state = 'calling'"))

#: What was asked: arguments and the frozen request. Apart from the row, which is rewritten at every step.
bodies = Table(
    "bodies",
    metadata,
    Column("operation_id", UUID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

#: Celery task ids that stand for an operation.
tickets = Table(
    "tickets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("operation_id", UUID, nullable=False),
    Column("sealed", LargeBinary, comment="the Celery message, where it holds more than the hint"),
    Column("alias", Boolean, nullable=False, server_default=text("false"), comment="not the operation's first"),
    Column("follows", Boolean, nullable=False, server_default=text("false"), comment="something follows its end"),
    Column("finalised_at", _time, comment="what follows has been sent"),
    Column("follow_failures", SmallInteger, nullable=False, server_default="0"),
    Column(
        "follow_at", _time, nullable=False, server_default="infinity", comment="when what follows is next hinted at"
    ),
    Column("children", LargeBinary, comment="sealed: results of what followed, for Celery"),
    Column("created_at", _time, nullable=False, server_default=_now),
)
_unfinished = text("follows AND finalised_at IS NULL")
Index("tickets_open", tickets.c.operation_id, postgresql_where=_unfinished)
Index("tickets_follow", tickets.c.follow_at, postgresql_where=text("finalised_at IS NULL AND follow_at < 'infinity'"))
Index("tickets_alias", tickets.c.operation_id, postgresql_where=text("alias"))

#: Intents: written before the first byte, only ever added.
attempts = Table(
    "attempts",
    metadata,
    Column("operation_id", UUID, primary_key=True),
    Column("number", Integer, primary_key=True, comment="the fence of its claim"),
    Column("purpose", Text, nullable=False),
    Column("lane_id", BigInteger, nullable=False),
    Column("cost", REAL, nullable=False, server_default="1"),
    Column("worker", Text, nullable=False),
    Column("lease_until", _time, nullable=False),
    Column("trace_id", Text),
    Column("started_at", _time, nullable=False, server_default=_now),
)
Index("attempts_started", attempts.c.started_at, postgresql_using="brin")

#: What was heard, or that nothing was: only ever added; a late reply is one more.
replies = Table(
    "replies",
    metadata,
    Column("operation_id", UUID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("id", UUID, primary_key=True, comment="chosen by who heard it, so that writing it twice adds it once"),
    Column(
        "outcome", Text, nullable=False, comment="succeeded, accepted, declined, open, failed, deferred, present, …"
    ),
    Column("error_class", Text),
    Column("effect", Text, nullable=False, comment="of this attempt alone"),
    Column("status", SmallInteger, comment="HTTP"),
    Column("code", Text),
    Column("message", Text, comment="normalised: no ids, addresses or amounts"),
    Column("reference", Text),
    Column("late", Boolean, nullable=False, server_default=text("false")),
    Column("elapsed", DOUBLE_PRECISION, comment="seconds"),
    Column("request_id", Text, comment="the provider's name for the exchange"),
    Column("sealed", LargeBinary, comment="evidence and result"),
    Column("heard_at", _time, nullable=False, server_default=_now),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("operation_id", UUID, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error_class", Text),
    Column("effect", Text, nullable=False),
    Column("code", Text),
    Column("message", Text, comment="normalised"),
    Column("fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="open"),
    Column("dead_at", _time, nullable=False, server_default=_now),
    Column("decide_by", _time, comment="held for a canvas until then"),
    Column("closed_at", _time),
    Column("closed_by", Text),
    UniqueConstraint("operation_id", "epoch"),
    _one_of("status", ["open", "requeued", "resolved", "discarded", "superseded", "closed"]),
)
Index("dead_letters_open", dead_letters.c.id.desc(), postgresql_where=text("status = 'open'"))
# The newest open ones of each, page by page.
for _column in ("fingerprint", "provider", "tenant", "kind", "effect", "error_class"):
    Index(
        f"dead_letters_{_column}",
        dead_letters.c[_column],
        dead_letters.c.id.desc(),
        postgresql_where=text("status = 'open'"),
    )
Index("dead_letters_closed", dead_letters.c.closed_at, postgresql_where=text("status <> 'open'"))
Index("dead_letters_status", dead_letters.c.status, dead_letters.c.id.desc(), postgresql_where=text("status <> 'open'"))
Index("dead_letters_hold", dead_letters.c.decide_by, postgresql_where=text("status = 'open' AND decide_by IS NOT NULL"))

#: What people did, and why: only ever added.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", _time, nullable=False, server_default=_now),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False, index=True),
    Column("because", Text, nullable=False),
    Column("before", JSONB, nullable=False, server_default="{}"),
    Column("after", JSONB, nullable=False, server_default="{}"),
)

#: Breakers opening and closing, by themselves or by order; Redis is a copy of the last.
breaker_moves = Table(
    "breaker_moves",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("provider", Text, nullable=False),
    Column("at", _time, nullable=False, server_default=_now),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("trip", Integer, nullable=False),
    Column("retry_at", _time, comment="when a probe may be made"),
    Column("worker", Text, nullable=False),
)
Index("breaker_moves_last", breaker_moves.c.provider, breaker_moves.c.id.desc())

#: Breakers that a person holds open or closed.
holds = Table(
    "holds",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("held", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("at", _time, nullable=False, server_default=_now),
    _one_of("held", ["open", "closed"]),
)

#: Work held back by a person, or because a tenant's credentials were refused.
pauses = Table(
    "pauses",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("provider", Text, nullable=False),
    Column("tenant", Text, comment="all when null"),
    Column("kind", Text, comment="all when null"),
    Column("cause", Text, nullable=False, comment="person or connection"),
    Column("credential", Text, comment="fingerprint of the credential that was refused"),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("since", _time, nullable=False, server_default=_now),
    Column("lifted_at", _time),
    _one_of("cause", ["person", "connection"]),
)
Index("pauses_now", pauses.c.provider, postgresql_where=text("lifted_at IS NULL"))

#: Limits that people lowered for a while; an order that took the place of another lifted it.
lowered = Table(
    "lowered",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("provider", Text, nullable=False),
    Column("tenant", Text, comment="all when null"),
    Column("kind", Text, comment="all when null"),
    Column("calls", Integer, nullable=False),
    Column("per", DOUBLE_PRECISION, nullable=False, comment="seconds"),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("since", _time, nullable=False, server_default=_now),
    Column("ends_at", _time, nullable=False, comment="by itself"),
    Column("lifted_at", _time, comment="by a person, before that"),
)
Index("lowered_now", lowered.c.provider, postgresql_where=text("lifted_at IS NULL"))

#: Which account at the provider a tenant's credential opens.
connections = Table(
    "connections",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("credential", Text, primary_key=True, comment="keyed fingerprint, never the credential"),
    Column("account", Text, nullable=False),
    Column("seen_at", _time, nullable=False, server_default=_now),
)

#: Who may use the admin's pages. A password is an argon2 hash; of null tenants all may be seen.
admin_accounts = Table(
    "admin_accounts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password", Text, nullable=False, comment="argon2id"),
    Column("role", Text, nullable=False),
    Column("tenants", ARRAY(Text), comment="all when null"),
    Column("created_at", _time, nullable=False, server_default=_now),
    Column("disabled_at", _time),
    _one_of("role", ["viewer", "operator", "admin"]),
)

#: Who is signed in: the cookie's hash, so that a dump of the database opens no session.
admin_sessions = Table(
    "admin_sessions",
    metadata,
    Column("id", LargeBinary, primary_key=True, comment="SHA-256 of the cookie"),
    Column("account_id", BigInteger, index=True, comment="of who came with a password"),
    Column("created_at", _time, nullable=False, server_default=_now),
    Column("seen_at", _time, nullable=False, server_default=_now),
    Column("identity_id", BigInteger, index=True, comment="of who came through an OpenID provider"),
    CheckConstraint("num_nonnulls(account_id, identity_id) = 1", name="whose"),
)

#: Who came through an OpenID provider, with the role that it gave them when they last came.
admin_identities = Table(
    "admin_identities",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="the provider's name for them, never given to anybody else"),
    Column("name", Text, nullable=False, unique=True, comment="as the audit names them, from the first time on"),
    Column("role", Text, nullable=False),
    Column("tenants", ARRAY(Text), comment="all when null"),
    Column("created_at", _time, nullable=False, server_default=_now),
    Column("seen_at", _time, nullable=False, server_default=_now, comment="when they last signed in"),
    Column("disabled_at", _time),
    UniqueConstraint("issuer", "subject"),
    _one_of("role", ["viewer", "operator", "admin"]),
)

#: Who was led to the OpenID provider and is not back.
admin_departures = Table(
    "admin_departures",
    metadata,
    Column("id", LargeBinary, primary_key=True, comment="SHA-256 of the cookie"),
    Column("at", _time, nullable=False, server_default=_now, index=True),
    Column("next", Text, nullable=False, comment="where they were going here"),
)

#: Programs that use the JSON interface.
admin_tokens = Table(
    "admin_tokens",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the token"),
    Column("role", Text, nullable=False),
    Column("tenants", ARRAY(Text), comment="all when null"),
    Column("created_at", _time, nullable=False, server_default=_now),
    Column("expires_at", _time),
    Column("revoked_at", _time),
    _one_of("role", ["viewer", "operator", "admin"]),
)

#: Tries to sign in, so that nobody may guess: names and addresses are keyed hashes, kept for an hour.
admin_sign_ins = Table(
    "admin_sign_ins",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", _time, nullable=False, server_default=_now, index=True),
    Column("who", LargeBinary, nullable=False, comment="of the name and the address"),
    Column("whence", LargeBinary, nullable=False, comment="of the address"),
)
Index("admin_sign_ins_who", admin_sign_ins.c.who, admin_sign_ins.c.at)
Index("admin_sign_ins_whence", admin_sign_ins.c.whence, admin_sign_ins.c.at)

#: Celery's chords, counted here.
chords = Table(
    "chords",
    metadata,
    Column("id", Text, primary_key=True, comment="the group of its members"),
    Column("size", Integer),
    Column("added", Integer, nullable=False, server_default="0"),
    Column("released_at", _time),
    Column("created_at", _time, nullable=False, server_default=_now),
)
chord_parts = Table(
    "chord_parts",
    metadata,
    Column("chord_id", Text, primary_key=True),
    Column("ticket_id", Text, primary_key=True),
    Column("position", DOUBLE_PRECISION, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

#: What Celery stores under names that are no tickets: groups, and steps that failed before they were sent.
celery_results = Table(
    "celery_results",
    metadata,
    Column("key", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("stored_at", _time, nullable=False, server_default=_now),
)

#: Dead letters that failed alike. Counts are kept: a trigger writes what changes, and `ledger.groups.fold` adds it up.
groups = Table(
    "groups",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="of its first letter"),
    Column("error_class", Text),
    Column("effect", Text, nullable=False),
    Column("code", Text),
    Column("message", Text, comment="normalised"),
    Column("open", BigInteger, nullable=False, server_default="0", comment="letters that wait for a person"),
    Column("seen", BigInteger, nullable=False, server_default="0", comment="letters that ever waited for one"),
    Column("first_at", _time, nullable=False),
    Column("last_at", _time, nullable=False),
    Column("newest", BigInteger, nullable=False, comment="its newest letter"),
    Column("status", Text, nullable=False, server_default="open"),
    Column("status_at", _time, nullable=False, server_default=_now),
    Column("status_by", Text, nullable=False, server_default="lockgate"),
    Column("ignore_until", _time, comment="ignored until then"),
    Column("ignore_rate", Integer, comment="ignored until more than so many come in one hour"),
    Column("assignee", Text),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    _one_of("status", ["open", "acknowledged", "ignored", "resolved", "reopened"]),
)
Index("groups_newest", groups.c.last_at.desc(), groups.c.fingerprint)
Index("groups_unsettled", groups.c.last_at.desc(), groups.c.fingerprint, postgresql_where=text("open > 0"))
Index("groups_set_aside", groups.c.last_at, postgresql_where=text("status IN ('ignored', 'resolved')"))

#: What changed of dead letters since it was last added up: only ever written by the trigger, so that many workers that park
#: letters of one group never wait for each other.
group_changes = Table(
    "group_changes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("hour", _time, nullable=False),
    Column("open", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("first_at", _time, nullable=False),
    Column("last_at", _time, nullable=False),
    Column("newest", BigInteger, nullable=False),
)

#: How many letters a group got in each hour.
group_hours = Table(
    "group_hours",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("hour", _time, primary_key=True),
    Column("seen", BigInteger, nullable=False),
)

#: Whom a group touches.
group_tenants = Table(
    "group_tenants",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("tenant", Text, primary_key=True),
    Column("open", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("last_at", _time, nullable=False),
)

#: How many letters lie open, by provider and tenant, as of the last fold: kept by a trigger on the changes that it takes.
open_letters = Table(
    "open_letters",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("tenant", Text, primary_key=True),
    Column("open", BigInteger, nullable=False),
)

#: What the provider showed when a person asked, beside what stood here: only ever added.
looks = Table(
    "looks",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("operation_id", UUID, nullable=False, index=True),
    Column("at", _time, nullable=False, server_default=_now),
    Column("actor", Text, nullable=False),
    Column("said", Text, nullable=False, comment="the finding, as half a sentence"),
    Column("here", JSONB, nullable=False),
    Column("there", JSONB, nullable=False),
    Column("differs", ARRAY(Text), nullable=False, comment="the fields in which the two differ"),
)

#: Requeues of many: a plan first, then a run that the sweep drives.
runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="planned"),
    Column("filter", JSONB, nullable=False, comment="what the set was frozen from"),
    Column("figures", JSONB, nullable=False, server_default="{}", comment="the dry run"),
    Column("canary", Integer, nullable=False, comment="letters that go first"),
    Column("tolerate", Integer, nullable=False, comment="letters that may come back alike before it stops"),
    Column("width", Integer, nullable=False, comment="letters that may be on their way at once"),
    Column("proven", Integer, nullable=False, server_default="0", comment="letters that came home since the last step"),
    Column(
        "gone_before",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="letters that had gone when it was last begun",
    ),
    Column("because", Text, nullable=False),
    Column("planned_at", _time, nullable=False, server_default=_now),
    Column("planned_by", Text, nullable=False),
    Column("started_at", _time),
    Column("started_by", Text),
    Column("ended_at", _time),
    Column("why", Text, comment="why it stopped"),
    _one_of("state", ["planned", "canary", "running", "paused", "stopped", "cancelled", "done"]),
)
Index("runs_active", runs.c.id, postgresql_where=text("state IN ('canary', 'running')"))

#: The frozen set of a plan, and what became of each.
run_letters = Table(
    "run_letters",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("letter_id", BigInteger, primary_key=True),
    Column("operation_id", UUID, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("asks_first", Boolean, nullable=False),
    Column("key_expired", Boolean, nullable=False),
    Column("later", Boolean, nullable=False, comment="the same entity has later work"),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("why", Text),
    Column("epoch", Integer, comment="the one in which it was sent"),
    Column("alike", Boolean, comment="it came back as it had been"),
    Column(
        "forgiven",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="it had come back when the run was resumed",
    ),
    _one_of("state", ["waiting", "sent", "succeeded", "declined", "back", "gone", "skipped"]),
)
Index("run_letters_state", run_letters.c.run_id, run_letters.c.state, run_letters.c.letter_id)
Index("run_letters_letter", run_letters.c.letter_id)

#: Corrected arguments for a dead letter's next generation.
edits = Table(
    "edits",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("letter_id", BigInteger, nullable=False, index=True),
    Column("operation_id", UUID, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("new_operation_id", UUID),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("sealed", LargeBinary, nullable=False, comment="the arguments, and how they differ"),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("at", _time, nullable=False, server_default=_now),
    Column("decided_by", Text),
    Column("decided_at", _time),
    _one_of("state", ["waiting", "applied", "rejected"]),
)
Index("edits_waiting", edits.c.letter_id, unique=True, postgresql_where=text("state = 'waiting'"))

#: Tables to which rows are only ever added; a trigger refuses anything else.
APPEND_ONLY = (attempts, replies, audit, breaker_moves, looks)
