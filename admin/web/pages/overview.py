"""The overview: how the way to each provider stands, at a glance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from admin.access.person import Person, Role
from admin.cli.standing import Standing, standings
from admin.web.lately import Counted
from admin.web.place import Place
from admin.web.route import read
from admin.web.shown import when
from ledger.recent import Slice
from ledger.usage import SentLately
from resilience.limiter import Limit
from resilience.traffic import Traffic

_counted = Counted()
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Heap:
    """What waits at a provider for one reason."""

    why: str
    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Card:
    """One provider.

    Attributes:
        success: share of the last hour's calls that were answered; None without a call.
        budget: share of the tightest limit that the last minute used; None without a limit.
        budget_of: that limit.
        verdict: one or two words for the state of the whole.
        trouble: what keeps work from going out; empty when nothing does.
    """

    standing: Standing
    slices: list[Slice]
    calls: int
    success: float | None
    limited: int
    median: float | None
    slow: float | None
    budget: float | None
    budget_of: str
    waiting: list[Heap]
    verdict: str
    trouble: list[str]


@dataclass(frozen=True, slots=True)
class Overview:
    """All providers, and what has become a person's turn."""

    cards: list[Card]
    dead: int


@read("/", "overview.html", needs=Role.VIEWER)
def overview(place: Place, person: Person) -> Overview:
    """How the way to each provider stands."""
    made = cards(place, person, list(place.registry.providers))
    return Overview(made, sum(card.standing.dead_letters for card in made))


def cards(place: Place, person: Person, providers: Sequence[str]) -> list[Card]:
    """The cards of these providers, as somebody may see them."""
    lately = _counted.now(place.platform)
    return [
        _card(one, lately.slices[one.provider], lately.sent, place.registry.provider(one.provider).traffic)
        for one in standings(place, providers, tenants=person.tenants)
    ]


def _card(one: Standing, slices: list[Slice], sent: list[SentLately], traffic: Traffic) -> Card:
    calls, answered = sum(each.calls for each in slices), sum(each.answered for each in slices)
    timed = [each for each in slices if each.median is not None]
    limits = (*traffic.limits, *(each.limit.limit(traffic) for each in one.lowered))
    budget, budget_of = _budget(limits, [each for each in sent if each.provider == one.provider])
    trouble = list(_trouble(one))
    return Card(
        standing=one, slices=slices, calls=calls, success=answered / calls if calls else None,
        limited=sum(each.limited for each in slices),
        median=timed[-1].median if timed else None, slow=timed[-1].slow if timed else None,
        budget=budget, budget_of=budget_of, waiting=_heaps(one), trouble=trouble, verdict=_verdict(one, trouble),
    )  # fmt: skip


def _verdict(one: Standing, trouble: list[str]) -> str:
    state = one.fleet.breaker if one.fleet is not None else "unknown"
    if one.held is not None:
        return f"held {one.held.held}"
    if state != "closed":
        return {"open": "not reached", "half_open": "trying again", "half-open": "trying again"}.get(state, "not known")
    if trouble == list(_slowed(one)) != []:
        return "slowed"
    return "held up" if trouble else "flowing"


def _trouble(one: Standing) -> Iterable[str]:
    if one.redis:
        yield one.redis
    if one.held is not None:
        yield f"{one.held.by} holds the breaker {one.held.held}: {one.held.because}"
    for pause in one.pauses:
        whom = " ".join(part for part in (pause.kind or "", pause.tenant and f"of {pause.tenant}") if part)
        yield f"{whom or 'everything'} is paused by {pause.by}: {pause.because}"
    yield from one.credentials.values()
    yield from _slowed(one)


def _slowed(one: Standing) -> Iterable[str]:
    for each in one.lowered:
        yield f"{each.limit.name} by {each.by} until {when(each.ends_at)} UTC: {each.because}"


def _heaps(one: Standing) -> list[Heap]:
    whys = dict.fromkeys(each.why or each.state for each in one.waiting)
    heaps = []
    for why in whys:
        alike = [each for each in one.waiting if (each.why or each.state) == why]
        heaps.append(Heap(why, sum(each.count for each in alike), max(each.oldest for each in alike)))
    return sorted(heaps, key=lambda heap: -heap.oldest)


def _budget(limits: Iterable[Limit], sent: list[SentLately]) -> tuple[float | None, str]:
    """The share of the tightest limit that was used in the last minute."""
    shares: list[tuple[float, str]] = []
    for limit in limits:
        if limit.concurrent:
            continue
        used: dict[tuple[str, ...], float] = {}
        for each in sent:
            if limit.kind in {"", each.kind}:
                key = tuple(getattr(each, part) for part in limit.scope)
                used[key] = used.get(key, 0.0) + each.cost
        allowed = limit.calls * max(1.0, _MINUTE / limit.per)
        shares.append((max(used.values(), default=0.0) / allowed, limit.name))
    return max(shares, default=(None, ""), key=lambda share: share[0] or 0.0)
