"""Plan the requeue of many: the set is frozen, and a dry run says what it would mean before anybody says yes."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from deadletter.requeue import asks_first, bound_kind, refuse
from integrations.registry import Registry
from ledger import audit, letters, lowered, run_letters, runs
from ledger.audit import Order
from ledger.letters import Dead, Wanted
from ledger.lowered import InForce
from ledger.run_letters import Judged
from ledger.runs import Run
from ledger.session import Connection, Ledger
from operations.errors import NotAllowedError
from resilience.limiter import Limit
from resilience.traffic import Traffic

MOST = 100_000  # letters of one plan
CANARY = 5
LONGEST_NAME = 80  # characters of a run's name
_BATCH = 2000
_NAMED = 20  # tenants that are named with their numbers


def target(run_id: int) -> str:
    """What the audit calls a plan and its run."""
    return f"run:{run_id}"


def plan(
    ledger: Ledger,
    registry: Registry,
    wanted: Wanted | Sequence[int],
    order: Order,
    *,
    name: str = "",
    canary: int = CANARY,
    tolerate: int = 0,
    most: int = MOST,
) -> Run:
    """Freeze the open dead letters that a filter matches now, and find out what requeuing them would mean.

    The figures: `count` and `more` (the filter matches more than one plan holds), `oldest`, `tenants`, `providers`, `kinds`,
    `asks_first` (the provider is asked before anything is sent), `key_expired`, `later_work` (the same entity has some),
    `refused` (sentence: number) and `seconds` at the share of the limits that a run may use, with the limit that decides.

    Args:
        ledger: where.
        registry: providers and kinds.
        wanted: which open letters, or their numbers.
        order: who plans, and why.
        name: of the run; made of the filter when empty.
        canary: letters that go first.
        tolerate: letters that may come back as they had been before the run stops itself.
        most: letters that it holds at most, the oldest first.

    Raises:
        NotAllowedError: there is nothing to requeue, or the numbers make no sense.
    """
    if not 1 <= canary <= most or tolerate < 0 or len(name) > LONGEST_NAME:
        raise NotAllowedError(
            "a canary has at least one letter, what is tolerated is no negative number, and a name has at most "
            f"{LONGEST_NAME} characters"
        )
    if isinstance(wanted, Wanted) and wanted.status != "open":
        raise NotAllowedError("only open dead letters can be requeued: leave --status out")
    asked = wanted.as_json() if isinstance(wanted, Wanted) else {"letters": len(wanted)}
    with ledger.transaction() as connection:
        run_id = runs.add(
            connection, name=name or _named(asked), wanted=asked, canary=canary, tolerate=tolerate,
            because=order.because, by=order.actor,
        )  # fmt: skip
        count = run_letters.freeze(connection, run_id, wanted, most=most + 1)
        if not count:
            raise NotAllowedError("no open dead letter matches: `lockgate deadletter groups` shows those there are")
        figures = _dry_run(connection, registry, run_id, most=most)
        if not figures["count"]:
            why = next(iter(figures["refused"]), "")
            raise NotAllowedError(f"none of these {count} dead letters may be requeued, the first because {why}")
        runs.figure(connection, run_id, figures)
        audit.note(
            connection, order, "plan", target(run_id), before={}, after={"filter": asked, "count": figures["count"]}
        )
        made = runs.get(connection, run_id)
    assert made is not None
    return made


def _named(asked: dict[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in asked.items())
    return (said or "all open dead letters")[:LONGEST_NAME]


def _dry_run(connection: Connection, registry: Registry, run_id: int, *, most: int) -> dict[str, Any]:
    every = run_letters.frozen(connection, run_id)
    if more := len(every) > most:
        connection.execute(
            "DELETE FROM lockgate.run_letters WHERE run_id = %s AND letter_id = %s", [run_id, every.pop()]
        )
    tally = _Tally(registry, lowered.in_force(connection))
    for start in range(0, len(every), _BATCH):
        batch = letters.looked(connection, every[start : start + _BATCH])
        run_letters.judge(connection, run_id, [tally.judged(dead) for dead in batch])
    return tally.figures() | {"more": more, "later_work": run_letters.later_work(connection, run_id)}


class _Tally:
    """What the letters of a plan come to."""

    def __init__(self, registry: Registry, lowered: Sequence[InForce]) -> None:
        self._registry = registry
        self._lowered = lowered
        self._lanes: Counter[tuple[str, str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._oldest = ""
        self._count = self._asks = self._expired = 0

    def judged(self, dead: Dead) -> Judged:
        """Count one letter, as it stands now."""
        try:
            bound = bound_kind(self._registry, dead)
            refuse(dead, bound)
        except NotAllowedError as error:
            why = str(error)
            self._refused[why.replace(dead.letter.name, "it").replace(str(dead.id), "…")] += 1
            return Judged(dead.letter.id, asks_first=False, key_expired=False, why=why)
        asks, expired = asks_first(dead, bound), dead.was_sent and dead.key_forgotten
        self._count += 1
        self._asks += asks
        self._expired += expired
        self._lanes[dead.provider, dead.tenant, dead.kind] += 1
        died = dead.letter.dead_at.astimezone(UTC).isoformat()
        self._oldest = min(self._oldest or died, died)
        return Judged(dead.letter.id, asks_first=asks, key_expired=expired, why="")

    def figures(self) -> dict[str, Any]:
        """All of it."""
        seconds, limit = self._lasts()
        tenants = self._of(1)
        return {
            "count": self._count,
            "oldest": self._oldest,
            "tenants": dict(tenants.most_common(_NAMED)),
            "tenants_touched": len(tenants),
            "providers": dict(self._of(0)),
            "kinds": dict(self._of(2)),
            "asks_first": self._asks,
            "key_expired": self._expired,
            "refused": dict(self._refused.most_common(_NAMED)),
            "seconds": round(seconds, 1),
            "bound_by": limit,
        }

    def _of(self, at: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for lane, count in self._lanes.items():
            found[lane[at]] += count
        return found

    def _lasts(self) -> tuple[float, str]:
        """Seconds that the slowest limit needs at the share that is not kept for live work, and its name."""
        cost: Counter[tuple[str, Limit, tuple[str, ...]]] = Counter()
        for (provider, tenant, kind), count in self._lanes.items():
            known = self._registry.kinds.get(kind)
            if known is None:
                continue
            for limit in self._limits(known.provider.traffic, tenant, kind):
                whom = {"tenant": tenant, "kind": kind}
                cost[provider, limit, tuple(whom[part] for part in limit.scope)] += round(count * known.section.cost)
        lasting = [
            (self._seconds(provider, limit, total), f"{provider} {limit.name}")
            for (provider, limit, _), total in cost.items()
        ]
        return max(lasting, default=(0.0, ""))

    def _limits(self, traffic: Traffic, tenant: str, kind: str) -> list[Limit]:
        """Those of the file, and those that people lowered, as if these went on."""
        mine = [
            one.limit for one in self._lowered if one.provider == traffic.provider and one.limit.holds(tenant, kind)
        ]
        return [*traffic.limits_for(kind), *(one.limit(traffic) for one in mine)]

    def _seconds(self, provider: str, limit: Limit, total: float) -> float:
        spare = limit.spare
        if limit.concurrent:  # a call takes as long as it takes: half of the longest
            return total * self._registry.provider(provider).limits.total / 2 / spare.allowed
        return total * spare.per / spare.allowed if spare.long else total / spare.rate
