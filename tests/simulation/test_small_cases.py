"""Few operations and whatever attacks, orders and weather Hypothesis thinks of; it cuts down by itself what fails."""

from hypothesis import given, settings
from hypothesis import strategies as some
from simulation.plan import ATTACKS, FOR_EVER, ORDERS, TENANTS, Attack, Intent, Order, Plan, Weather
from simulation.verdict import violations
from simulation.world import World

from operations.means import Means

_SHARES = some.sampled_from([0.0, 0.05, 0.3, 0.6])
_TIMES = some.integers(0, 240).map(lambda quarter: quarter / 4)
_SECONDS = some.sampled_from([0.5, 3.0, 8.0, 20.0, 60.0, FOR_EVER])


def _named(letter: str, parts: some.SearchStrategy[object]) -> some.SearchStrategy[tuple[object, ...]]:
    return some.lists(parts, max_size=4).map(
        lambda made: tuple(part(f"{letter}{number}") for number, part in enumerate(made))  # type: ignore[operator]
    )


_intents = some.builds(
    lambda at, means, repeats, tenant, deadly, follows: lambda name: Intent(
        name, at, means, tuple(repeats), tenant, deadly, follows == "chain", "c" if follows == "chord" else ""
    ),
    _TIMES, some.sampled_from(Means), some.lists(_TIMES, max_size=2), some.sampled_from(TENANTS),
    some.sampled_from([False, False, True]), some.sampled_from(["", "chain", "chord"]),
)  # fmt: skip
_attacks = some.builds(
    lambda at, what, seconds, whom: lambda name: Attack(
        name, at, what, seconds if what == "outage" else min(seconds, 40.0), whom
    ),
    _TIMES, some.sampled_from(ATTACKS), _SECONDS, some.sampled_from(TENANTS),
)  # fmt: skip
_orders = some.builds(
    lambda at, what, twice: lambda name: Order(name, at, what, 1.0, twice),
    _TIMES, some.sampled_from(ORDERS), some.booleans(),
)  # fmt: skip
_weather = some.builds(
    Weather, trouble=_SHARES, lossy=_SHARES, crashy=some.sampled_from([0.0, 0.02, 0.2]), forgetful=_SHARES, slow=_SHARES,
    give_up_after=some.sampled_from([20.0, 300.0]), kept_for=some.sampled_from([12.0, 40.0]), money=some.booleans(),
)  # fmt: skip
_plans = some.builds(
    Plan, some.integers(0, 1000), _weather, _named("o", _intents), _named("a", _attacks), _named("p", _orders)
)


@settings(max_examples=400, deadline=None)
@given(_plans)
def test_a_few_operations_keep_the_promise_whatever_happens(plan: Plan) -> None:
    assert violations(World(plan).run()) == []
