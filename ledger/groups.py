"""Dead letters that failed alike: counts that are kept, so that a page needs none of the letters.

A trigger writes a row for whatever parks, closes or refiles letters; `fold` adds these up. Workers that park letters of one
group so never wait for each other, and a page is true as of its own fold.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from ledger.session import Connection, Ledger

_LOCK = 7_030_603  # the key of the advisory lock under which one process adds up
_MOST = 5000  # changes in one statement

_FOLD = """
WITH taken AS (
    DELETE FROM lockgate.group_changes WHERE id IN (SELECT id FROM lockgate.group_changes ORDER BY id LIMIT %(most)s)
    RETURNING *
), hours AS (
    INSERT INTO lockgate.group_hours (fingerprint, hour, seen)
    SELECT fingerprint, hour, sum(seen) FROM taken GROUP BY fingerprint, hour HAVING sum(seen) <> 0
    ON CONFLICT (fingerprint, hour) DO UPDATE SET seen = group_hours.seen + excluded.seen
), tenants AS (
    INSERT INTO lockgate.group_tenants (fingerprint, tenant, open, seen, last_at)
    SELECT fingerprint, tenant, sum(open), sum(seen), max(last_at) FROM taken GROUP BY fingerprint, tenant
    ON CONFLICT (fingerprint, tenant) DO UPDATE SET open = group_tenants.open + excluded.open,
        seen = group_tenants.seen + excluded.seen, last_at = greatest(group_tenants.last_at, excluded.last_at)
), sums AS (
    SELECT fingerprint, sum(open) AS open, sum(seen) AS seen, min(first_at) AS first_at, max(last_at) AS last_at,
        max(newest) AS newest, array_agg(newest) AS letters
    FROM taken GROUP BY fingerprint
), known AS (
    UPDATE lockgate.groups g SET open = g.open + s.open, seen = g.seen + s.seen,
        last_at = CASE WHEN s.seen > 0 THEN greatest(g.last_at, s.last_at) ELSE g.last_at END,
        newest = CASE WHEN s.seen > 0 THEN greatest(g.newest, s.newest) ELSE g.newest END
    FROM sums s WHERE g.fingerprint = s.fingerprint
), added AS (
    INSERT INTO lockgate.groups
        (fingerprint, provider, kind, reason, error_class, effect, code, message, open, seen, first_at, last_at, newest)
    SELECT s.fingerprint, d.provider, d.kind, d.reason, d.error_class, d.effect, d.code, d.message, s.open, s.seen,
        s.first_at, s.last_at, s.newest
    FROM sums s CROSS JOIN LATERAL (  -- a letter that is still of this group
        SELECT * FROM lockgate.dead_letters l WHERE l.id = ANY(s.letters) AND l.fingerprint = s.fingerprint
        ORDER BY l.id DESC LIMIT 1) d
    WHERE NOT EXISTS (SELECT FROM lockgate.groups g WHERE g.fingerprint = s.fingerprint)
)
SELECT count(*) FROM taken
"""

# What was set aside comes back by itself: by a time, by a rate, or because a cause that was said to be mended is not.
_COME_BACK = """
WITH due AS (
    SELECT g.fingerprint, g.status AS was, CASE
        WHEN g.status = 'resolved' THEN 'it came again after it had been resolved'
        WHEN g.ignore_until <= statement_timestamp() THEN 'the time for which it was to be ignored is over'
        ELSE 'more than ' || g.ignore_rate || ' came within an hour' END AS why
    FROM lockgate.groups g
    WHERE g.status IN ('ignored', 'resolved') AND (
        (g.status = 'resolved' AND g.last_at > g.status_at)
        OR (g.status = 'ignored' AND g.ignore_until <= statement_timestamp())
        OR (g.status = 'ignored' AND g.ignore_rate < (SELECT h.seen FROM lockgate.group_hours h
            WHERE h.fingerprint = g.fingerprint AND h.hour = date_trunc('hour', statement_timestamp()))))
    FOR UPDATE OF g SKIP LOCKED
), moved AS (
    UPDATE lockgate.groups g SET status = CASE WHEN due.was = 'resolved' THEN 'reopened' ELSE 'open' END,
        status_at = statement_timestamp(), status_by = 'lockgate', ignore_until = NULL, ignore_rate = NULL
    FROM due WHERE g.fingerprint = due.fingerprint
    RETURNING g.fingerprint, due.was, g.status, due.why
)
INSERT INTO lockgate.audit (actor, action, target, because, before, after)
SELECT 'lockgate', 'reopen', 'group:' || fingerprint, why, jsonb_build_object('status', was),
    jsonb_build_object('status', status)
FROM moved
"""

_COLUMNS = (
    "fingerprint", "provider", "kind", "reason", "error_class", "effect", "code", "message", "open", "seen", "first_at",
    "last_at", "newest", "status", "status_at", "status_by", "ignore_until", "ignore_rate", "assignee", "tags",
)  # fmt: skip
_GROUP = f"""
SELECT {", ".join(f"g.{name}" for name in _COLUMNS)},
    (SELECT count(*) FROM lockgate.group_tenants t WHERE t.fingerprint = g.fingerprint AND t.seen > 0)
FROM lockgate.groups g
"""  # noqa: S608  made of the names above
_ONE = f"{_GROUP} WHERE g.fingerprint = %s"
_STANDINGS = {
    "unsettled": "g.open > 0 AND g.status <> 'ignored'",
    "all": "true",
    **{name: f"g.status = '{name}'" for name in ("open", "acknowledged", "ignored", "resolved", "reopened")},
}
_LIST = """
WHERE {standing}
    AND (%(provider)s::text IS NULL OR g.provider = %(provider)s) AND (%(kind)s::text IS NULL OR g.kind = %(kind)s)
    AND (%(effect)s::text IS NULL OR g.effect = %(effect)s)
    AND (%(tenant)s::text IS NULL OR EXISTS (SELECT FROM lockgate.group_tenants t
        WHERE t.fingerprint = g.fingerprint AND t.tenant = %(tenant)s AND t.open > 0))
    AND (%(tenants)s::text[] IS NULL OR EXISTS (SELECT FROM lockgate.group_tenants t
        WHERE t.fingerprint = g.fingerprint AND t.tenant = ANY(%(tenants)s) AND t.seen > 0))
    AND (%(text)s::text IS NULL OR strpos(lower(concat_ws(' ', g.reason, g.code, g.message)), lower(%(text)s)) > 0)
    AND (%(at)s::timestamptz IS NULL OR (g.last_at, g.fingerprint) < (%(at)s, %(after)s))
ORDER BY g.last_at DESC, g.fingerprint DESC LIMIT %(limit)s
"""
_ALIKE = """
SELECT fingerprint FROM lockgate.groups g
WHERE strpos(lower(concat_ws(' ', g.reason, g.code, g.message)), lower(%s)) > 0
"""
_HOURS = """
SELECT fingerprint, extract(epoch FROM date_trunc('hour', statement_timestamp()) - hour)::int / 3600, seen
FROM lockgate.group_hours
WHERE fingerprint = ANY(%(names)s)
    AND hour > date_trunc('hour', statement_timestamp()) - %(hours)s * interval '1 hour'
"""
_TENANTS = """
SELECT tenant, open, seen, last_at FROM lockgate.group_tenants
WHERE fingerprint = %s AND seen > 0 ORDER BY open DESC, seen DESC, tenant LIMIT %s
"""
_CHANGE = """
UPDATE lockgate.groups SET status = %(status)s, status_at = statement_timestamp(), status_by = %(by)s,
    ignore_until = statement_timestamp() + %(seconds)s::float8 * interval '1 second', ignore_rate = %(rate)s
WHERE fingerprint = %(fingerprint)s
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters that failed alike, as they are counted.

    Attributes:
        open: letters that wait for a person.
        seen: letters that ever did.
        newest: its newest letter.
        status: open, acknowledged, ignored, resolved, or reopened.
        ignore_rate: letters an hour above which it is not ignored any more.
        tenants: how many it touches.
    """

    fingerprint: str
    provider: str
    kind: str
    reason: str
    error_class: str | None
    effect: str
    code: str | None
    message: str | None
    open: int
    seen: int
    first_at: datetime
    last_at: datetime
    newest: int
    status: str
    status_at: datetime
    status_by: str
    ignore_until: datetime | None
    ignore_rate: int | None
    assignee: str | None
    tags: list[str]
    tenants: int

    @property
    def cursor(self) -> str:
        """Where the next page begins, behind this one."""
        return f"{self.last_at.isoformat()}/{self.fingerprint}"

    def as_json(self) -> dict[str, Any]:
        """What an audit keeps of it."""
        return {
            "status": self.status, "assignee": self.assignee, "tags": self.tags, "ignore_rate": self.ignore_rate,
            "ignore_until": self.ignore_until and self.ignore_until.isoformat(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which groups.

    Attributes:
        status: `unsettled` (open letters, not ignored), `all`, or one of the group's.
        tenants: only groups that touch one of these, for whoever may see no others.
        text: a part of its reason, code or message, in any case.
        before: the `cursor` of the last group of the page before.
    """

    status: str = "unsettled"
    provider: str | None = None
    kind: str | None = None
    tenant: str | None = None
    tenants: tuple[str, ...] | None = None
    effect: str | None = None
    text: str | None = None
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Touched:
    """A tenant in a group."""

    tenant: str
    open: int
    seen: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What becomes of a group by a person's order; see `Group`."""

    status: str
    seconds: float | None = None
    rate: int | None = field(default=None)


def fold(ledger: Ledger) -> int:
    """Add up what changed since the last time, one process at a time; the number of changes."""
    with ledger.transaction() as connection:
        row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone()
        if row is None or not row[0]:
            return 0
        folded = connection.execute(_FOLD, {"most": _MOST}).fetchone()
        connection.execute(_COME_BACK)
    return int(folded[0]) if folded else 0


def listed(connection: Connection, wanted: Wanted) -> list[Group]:
    """A page of groups, the one that was seen last first.

    Raises:
        KeyError: there is no such standing.
    """
    at, _, after = (wanted.before or "").rpartition("/")
    values = asdict(wanted) | {"at": at or None, "after": after}
    values["tenants"] = None if wanted.tenants is None else list(wanted.tenants)
    query = _GROUP + _LIST.format(standing=_STANDINGS[wanted.status])
    return [_group(row) for row in connection.execute(query, values).fetchall()]


def get(connection: Connection, fingerprint: str) -> Group | None:
    """One group; None when there is none."""
    row = connection.execute(_ONE, [fingerprint]).fetchone()
    return None if row is None else _group(row)


def lock(connection: Connection, fingerprint: str) -> Group | None:
    """The same, held until the transaction ends."""
    row = connection.execute(f"{_ONE} FOR UPDATE OF g", [fingerprint]).fetchone()
    return None if row is None else _group(row)


def alike(connection: Connection, text: str) -> list[str]:
    """The fingerprints of the groups whose reason, code or message holds a text."""
    return [name for (name,) in connection.execute(_ALIKE, [text]).fetchall()]


def hours(connection: Connection, fingerprints: Sequence[str], hours: int = 24) -> dict[str, list[int]]:
    """How many letters each group got in each of the last hours, the oldest first."""
    found = {name: [0] * hours for name in fingerprints}
    for name, ago, seen in connection.execute(_HOURS, {"names": list(fingerprints), "hours": hours}).fetchall():
        if 0 <= ago < hours:
            found[name][hours - 1 - ago] = int(seen)
    return found


def tenants(connection: Connection, fingerprint: str, limit: int = 20) -> list[Touched]:
    """Whom a group touches, those with most open letters first."""
    return [Touched(*row) for row in connection.execute(_TENANTS, [fingerprint, limit]).fetchall()]


def change(connection: Connection, group: Group, standing: Standing, *, by: str) -> None:
    """Give a group that the caller has locked another standing."""
    values = asdict(standing) | {"by": by, "fingerprint": group.fingerprint}
    connection.execute(_CHANGE, values)


def describe(connection: Connection, group: Group, *, assignee: str | None, tags: Sequence[str]) -> Group:
    """Say who is at it, and what it is about, of a group that the caller has locked."""
    connection.execute(
        "UPDATE lockgate.groups SET assignee = %s, tags = %s WHERE fingerprint = %s",
        [assignee, list(tags), group.fingerprint],
    )
    return replace(group, assignee=assignee, tags=list(tags))


def _group(row: Sequence[Any]) -> Group:
    return Group(*row)
