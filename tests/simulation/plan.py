"""What happens in one run: operations, attacks, people's orders and the weather, drawn from a seed and cut down by name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random

from operations.means import Means

HEALED = 90.0  # seconds after which faults stop; from here on everything must come to an end
FOR_EVER = 1e9
ATTACKS = ("outage", "flush", "redis", "postgres", "failover", "kill", "freeze", "clock", "refuse")
TENANTS = ("acme", "birch", "cedar")
_CLOCK_AND_REFUSAL = ATTACKS[-2:]
ORDERS = ("requeue", "again", "discard", "revoke", "rule_out")


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that a caller wants done, at a time; asked for again at the times in `repeats`.

    Attributes:
        deadly: takes down whatever process sends it.
        chain: something else is to be done once it has succeeded.
        chord: something else is to be done once all of this name have succeeded.
    """

    name: str
    at: float
    means: Means
    repeats: tuple[float, ...] = ()
    tenant: str = TENANTS[0]
    deadly: bool = False
    chain: bool = False
    chord: str = ""


@dataclass(frozen=True, slots=True)
class Attack:
    """One thing that is broken, for some seconds; `whom` names a tenant where it is one's own trouble."""

    name: str
    at: float
    what: str
    seconds: float
    whom: str = TENANTS[0]


@dataclass(frozen=True, slots=True)
class Order:
    """What a person does to a share of what lies there at the time; two people at once where `twice`."""

    name: str
    at: float
    what: str
    share: float
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Weather:
    """What goes wrong all the time, as shares; and the numbers of the kinds.

    Attributes:
        trouble: of calls that end badly.
        lossy: of messages that get lost, are doubled or come late.
        crashy: of steps at which a worker, or the part of it that makes the call, dies.
        forgetful: of the ledger's commits whose answer is lost, half of them with the commit.
        slow: of calls that take long to connect.
    """

    trouble: float = 0.0
    lossy: float = 0.0
    crashy: float = 0.0
    forgetful: float = 0.0
    slow: float = 0.0
    give_up_after: float = 300.0
    kept_for: float = 40.0
    money: bool = False


WEATHER = ("trouble", "lossy", "crashy", "forgetful", "slow")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, wholly."""

    seed: int
    weather: Weather
    intents: tuple[Intent, ...]
    attacks: tuple[Attack, ...] = ()
    orders: tuple[Order, ...] = ()
    patience: tuple[tuple[str, float], ...] = ()  # of tenants: seconds within which each of their operations must end

    @property
    def names(self) -> list[str]:
        """Everything that can be left out, each by its name."""
        parts = [part.name for group in (self.intents, self.attacks, self.orders) for part in group]
        return [name for name in WEATHER if getattr(self.weather, name)] + parts

    def only(self, names: Iterable[str]) -> "Plan":
        """The same with everything left out that is not named."""
        kept = set(names)
        calm = {name: 0.0 for name in WEATHER if name not in kept}
        return replace(
            self,
            weather=replace(self.weather, **calm),
            intents=tuple(one for one in self.intents if one.name in kept),
            attacks=tuple(one for one in self.attacks if one.name in kept),
            orders=tuple(one for one in self.orders if one.name in kept),
        )


def drawn(seed: int, operations: int = 100) -> Plan:
    """The plan of a seed."""
    rng = Random(seed)
    weather = Weather(
        trouble=rng.choice([0.1, 0.3, 0.6]),
        lossy=rng.choice([0.0, 0.1, 0.3]),
        crashy=rng.choice([0.0, 0.005, 0.02]),
        forgetful=rng.choice([0.0, 0.02, 0.1]),
        slow=rng.choice([0.0, 0.05]),
        give_up_after=rng.choice([20.0, 300.0]),
        kept_for=rng.choice([12.0, 40.0]),
        money=rng.random() < 0.5,
    )
    intents = tuple(_intent(rng, number) for number in range(operations))
    attacks = tuple(_attack(rng, number) for number in range(rng.randrange(6)))
    orders = tuple(_order(rng, number) for number in range(rng.randrange(7)))
    more = Random(f"{seed}/more")  # of its own, so that what was kept of earlier runs is still what it was
    return Plan(seed, weather, _detailed(more, intents), attacks + _own_troubles(more), orders)


def _detailed(rng: Random, intents: tuple[Intent, ...]) -> tuple[Intent, ...]:
    """Whose each is, and what follows it; now and then one that takes its worker down."""
    deadly = rng.choice([0.0, 0.0, 0.02])
    detailed = []
    for number, one in enumerate(intents):
        tenant, kills, follows = rng.choice(TENANTS), rng.random() < deadly, rng.random()
        chord = f"c{number // 25}" if follows > 0.94 else ""
        detailed.append(replace(one, tenant=tenant, deadly=kills, chain=follows < 0.1, chord=chord))
    return tuple(detailed)


def _own_troubles(rng: Random) -> tuple[Attack, ...]:
    """Clocks that jump, and a tenant whose credentials are refused until somebody changes them."""
    return tuple(
        Attack(f"b{number}", rng.uniform(0.0, 60.0), what, rng.uniform(1.0, 30.0), rng.choice(TENANTS))
        for number, what in enumerate(rng.choices(_CLOCK_AND_REFUSAL, k=rng.randrange(4)))
    )


def _intent(rng: Random, number: int) -> Intent:
    at = rng.uniform(0.0, 20.0)
    repeats = (at + rng.uniform(0.0, 30.0),) if rng.random() < 0.1 else ()
    return Intent(f"o{number}", at, rng.choice(list(Means)), repeats)


def _attack(rng: Random, number: int) -> Attack:
    what = rng.choice(ATTACKS[: -len(_CLOCK_AND_REFUSAL)])
    seconds = rng.uniform(5.0, 60.0) if what == "outage" else rng.uniform(0.5, 15.0)
    if what == "outage" and rng.random() < 0.1:
        seconds = FOR_EVER
    return Attack(f"a{number}", rng.uniform(0.0, 60.0), what, seconds)


def _order(rng: Random, number: int) -> Order:
    at = rng.uniform(5.0, HEALED + 40.0)
    return Order(f"p{number}", at, rng.choice(ORDERS), rng.choice([0.3, 1.0]), rng.random() < 0.3)


def shrunk(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """A plan that still fails, from which nothing can be left out."""
    names, part = plan.names, max(1, len(plan.names) // 2)
    while part:
        at = 0
        while at < len(names):
            fewer = names[:at] + names[at + part :]
            if fails(plan.only(fewer)):
                names = fewer
            else:
                at += part
        part //= 2
    return plan.only(names)
