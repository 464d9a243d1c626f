"""A simulation that finds nothing proves nothing unless it can: bugs planted here must be caught, by their own names."""

import pytest
from simulation.planted_around import PLANTS
from simulation.verdict import sort_of, violations
from simulation.world import World

SEEDS = 60
#: The plans in which bugs are looked for, each with the first bug that is looked for in it.
WITHOUT = {plant.plan: name for name, plant in reversed(PLANTS.items())}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = PLANTS[name]
    plant.put(monkeypatch)
    met: set[str] = set()
    for seed in range(SEEDS):
        met |= {sort_of(one) for one in violations(World(plant.plan(seed)).run())}
        if any(sort.startswith(plant.caught_as) for sort in met):
            return
    pytest.fail(f"{plant.bug}: not caught as {plant.caught_as}, but as {sorted(met) or 'nothing'}")


@pytest.mark.parametrize("plans", WITHOUT, ids=WITHOUT.values())
def test_what_catches_a_planted_bug_finds_nothing_without_it(plans: object) -> None:
    for seed in range(10):
        assert violations(World(plans(seed)).run()) == []  # type: ignore[operator]
