"""Whatever stops, gets lost or lies: one effect at most, the truth in the end, and an end."""

from collections import Counter

import pytest
from simulation.world import World

from operations.means import Means
from operations.outcome import Effect
from operations.states import State

SEEDS = 40  # per means; the nightly runs thousands


def violations(world: World) -> list[str]:
    found = []
    effects = {key: len(times) for key, times in world.provider.effects.items()}
    for row in world.rows:
        count = effects.get(row.key, 0)
        story = f"seed {world.seed} {world.means} {row.key}: {row.state}/{row.effect}/{row.reason}, {count} effects"
        if not row.state.ended:
            found.append(f"stuck: {story}")
        if count > 1:
            found.append(f"doubled: {story}")
        if row.state is State.SUCCEEDED and count != 1:
            found.append(f"false success: {story}")
        if row.effect is Effect.NONE and row.state.ended and count:
            found.append(f"false none: {story}")
        if row.state is State.DEAD and row.effect is Effect.DONE and not count:
            found.append(f"false done: {story}")
    found += [f"seed {world.seed}: {key} of means X was sent again after a doubt" for key in world.resent_after_doubt]
    if len(world.rows) != world.operations:
        found.append(f"lost: seed {world.seed} has {len(world.rows)} rows")
    return found


@pytest.mark.parametrize("means", list(Means))
def test_simulated_operations_keep_the_promise(means: Means) -> None:
    ends: Counter[str] = Counter()
    for seed in range(SEEDS):
        world = World(seed, means)
        world.run()
        assert violations(world) == []
        ends.update(f"{row.state}/{row.effect}" for row in world.rows)
    assert ends["succeeded/done"] > 0.5 * sum(ends.values()), ends


@pytest.mark.parametrize("seed", range(6))
def test_the_provider_never_sees_more_than_its_limit_in_any_window(seed: int) -> None:
    world = World(seed, Means.KEY, operations=200)
    world.run()
    arrivals = sorted(world.provider.arrivals)
    windows = [sum(1 for other in arrivals if start <= other < start + 1.0) for start in arrivals]
    assert max(windows) <= world.limit.calls


def alone_in_an_outage(seed: int, means: Means) -> World:
    """One operation, accepted when the provider has just gone for a minute; its attempts are over in a quarter of that."""
    world = World(seed, means, operations=1)
    world.provider.trouble = world.lossy = world.crashy = 0.0
    world.provider.down_until = 70.0
    world.run()
    return world


@pytest.mark.parametrize("means", [Means.KEY, Means.UNIQUE, Means.QUERY])
def test_the_only_operation_of_the_day_outlives_an_outage(means: Means) -> None:
    for seed in range(SEEDS):
        world = alone_in_an_outage(seed, means)
        assert violations(world) == []
        assert {row.state for row in world.rows} <= {State.SUCCEEDED, State.DECLINED}


@pytest.mark.parametrize("operations", [10, 50, 500])
def test_what_an_outage_costs_does_not_depend_on_the_backlog(operations: int) -> None:
    """The calls that open the breaker, those under way meanwhile, and a probe now and then: a minute, if not less."""
    for seed in range(5):
        world = World(seed, Means.KEY, operations=operations)
        world.provider.trouble = world.lossy = world.crashy = 0.0
        world.provider.down_until = 60.0
        world.run()
        assert violations(world) == []
        assert sum(1 for at in world.provider.arrivals if at < world.provider.down_until) <= 25


def test_a_run_replays_from_its_seed() -> None:
    first, second = World(7, Means.QUERY), World(7, Means.QUERY)
    first.run()
    second.run()
    assert [(row.key, row.state, row.fence) for row in first.rows] == [
        (row.key, row.state, row.fence) for row in second.rows
    ]
    assert first.provider.arrivals == second.provider.arrivals
