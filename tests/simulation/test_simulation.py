"""Whatever stops, gets lost or lies: one effect at most, the truth in the end, and an end."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from simulation.__main__ import KEPT
from simulation.plan import ATTACKS, TENANTS, Attack, Plan, Weather, drawn, shrunk
from simulation.planted_around import deadly, one_refused
from simulation.verdict import fingerprint, sort_of, violations
from simulation.world import World

from operations.means import Means
from operations.states import State

SEEDS = 300  # `make simulate ARGS="--seeds 10000"` runs the million operations of the night
PARTS = 10
KEPT_SEEDS = [line.split()[:3] for line in KEPT.read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("part", range(PARTS))
def test_simulated_operations_keep_the_promise(part: int) -> None:
    ends: Counter[str] = Counter()
    for seed in range(part, SEEDS, PARTS):
        world = World(seed).run()
        assert violations(world) == [], f'make simulate ARGS="--first {seed} --seeds 1" cuts it down'
        ends.update(row.state for row in world.book.rows)
    assert ends["succeeded"] > 0.4 * sum(ends.values()), ends


@pytest.mark.parametrize(("seed", "operations", "names"), KEPT_SEEDS)
def test_what_once_failed_does_not_fail_again(seed: str, operations: str, names: str) -> None:
    assert violations(World(drawn(int(seed), int(operations)).only(names.split(","))).run()) == []


def test_every_attack_and_every_place_to_die_is_met() -> None:
    """A simulation that never gets there proves nothing about it."""
    figures: Counter[str] = Counter()
    for seed in range(60):
        figures += World(seed).run().figures
    met = {name.partition(" ")[2] for name in figures if name.startswith("attack ")}
    assert met == set(ATTACKS)
    died = {name.removeprefix("died ") for name in figures if name.startswith("died ")}
    assert died == {
        "on delivery", "before the claim", "before the first byte", "with the answer unheard", "before the record",
        "before writing again", "before what follows is sent", "before that is noted",
    }  # fmt: skip
    asked = (
        "requeue",
        "next generations",
        "discard",
        "rule_out",
        "taken back",
        "commits' answers lost",
        "messages lost",
        "credentials that were refused",
        "workers that an operation took down",
        "what follows was sent",
    )
    assert all(figures[name] >= 20 for name in asked), figures
    assert all(figures[f"ambiguous {means}"] >= 100 for means in Means), figures


def alone_in_an_outage(seed: int, means: Means) -> World:
    """One operation, accepted when the provider has just gone for a minute; its attempts are over in a quarter of that."""
    intent = replace(drawn(seed, 1).intents[0], at=1.0, means=means, repeats=(), deadly=False)
    return World(Plan(seed, Weather(), (intent,), (Attack("a", 0.5, "outage", 70.0),))).run()


@pytest.mark.parametrize("means", [Means.KEY, Means.UNIQUE, Means.QUERY])
def test_the_only_operation_of_the_day_outlives_an_outage(means: Means) -> None:
    for seed in range(40):
        world = alone_in_an_outage(seed, means)
        assert violations(world) == []
        assert {row.state for row in world.book.rows} <= {State.SUCCEEDED, State.DECLINED}


@pytest.mark.parametrize("operations", [10, 100, 1000])
def test_what_an_outage_costs_does_not_depend_on_the_backlog(operations: int) -> None:
    """The calls that open the breaker, those under way meanwhile, and a probe now and then: a minute, if not less."""
    for seed in range(3):
        attack = Attack("a", 0.0, "outage", 60.0)
        plan = Plan(seed, Weather(), drawn(seed, operations).intents, (attack,))
        world = World(plan).run()
        assert violations(world) == []
        assert sum(1 for at in world.provider.arrivals if at < 60.0) <= 25


def test_what_takes_down_whoever_sends_it_ends_as_poison_or_as_what_it_did() -> None:
    ends: Counter[str] = Counter()
    for seed in range(20):
        world = World(deadly(seed)).run()
        assert violations(world) == []
        mine = {one.name for one in world.plan.intents if one.deadly}
        ends.update(f"{row.state}/{row.reason}" for row in world.book.rows if row.name in mine)
    assert ends["dead/poison"] > 0, ends
    assert ends["succeeded/None"] > 0, ends  # an inquiry found what it had done before it took the process down


def test_a_tenant_whose_credentials_are_refused_delays_no_other_and_goes_on_with_new_ones() -> None:
    for seed in range(20):
        world = World(one_refused(seed)).run()
        assert violations(world) == []
        assert world.figures["credentials that were refused"] >= 1
        mine = [row for row in world.book.rows if row.tenant == TENANTS[0]]
        assert all(row.reason not in {"deadline", "exhausted"} for row in mine)
        assert max(row.ended_at for row in mine) > 40.0


def test_a_run_replays_from_its_seed_in_another_process() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-m", "simulation", "--seed", "7"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.splitlines()[-1] == f"fingerprint {fingerprint(World(7).run())}"


def test_a_failing_run_is_cut_down_to_what_it_needs() -> None:
    plan = drawn(3)
    needed = {plan.intents[5].name, plan.intents[70].name}
    assert set(shrunk(plan, lambda fewer: needed <= set(fewer.names)).names) == needed


def test_leaving_a_part_out_leaves_the_others_as_they_are() -> None:
    plan = drawn(3)
    fewer = plan.only(name for name in plan.names if name != "o5")
    assert fewer.intents == tuple(one for one in plan.intents if one.name != "o5")
    assert (fewer.attacks, fewer.orders, fewer.weather) == (plan.attacks, plan.orders, plan.weather)
    assert sort_of("doubled: o5, 2 effects") == "doubled"
