"""A simulation that finds nothing proves nothing unless it can: bugs planted here must be caught."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from simulation.test_simulation import alone_in_an_outage, violations
from simulation.world import World

from operations.means import Means
from operations.outcome import Effect, Failed
from operations.states import Reason, State
from resilience import decide, limiter
from resilience.decide import Confirm, Park, Retry


def caught(means: Means, plant: Callable[[World], None] = lambda _: None) -> str:
    """The first violation in some seeds, with a bug planted."""
    for seed in range(60):
        world = World(seed, means)
        plant(world)
        world.run()
        if found := violations(world):
            return found[0]
    return ""


def test_no_fence_in_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: World, row: Any, fence: int, decision: Any, *, done: bool = False) -> None:
        del fence, done
        if not row.state.ended:
            self.apply(row, decision)

    monkeypatch.setattr(World, "write", write)
    assert caught(Means.QUERY)


def test_a_doubt_is_sent_again_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        decide, "_ask_first", lambda standing, *_: Retry(1.0, Reason.BACKOFF, Effect.NONE, standing.failures)
    )
    assert "doubled" in caught(Means.QUERY)


def test_the_last_attempts_effect_replaces_the_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_effect_after", lambda _, failed: failed.effect)
    assert caught(Means.KEY)


def test_one_absence_before_the_settle_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_absent", decide._proven_absent)

    def hasty(world: World) -> None:
        world.assurance = replace(world.assurance, settle=0.1)

    assert "doubled" in caught(Means.QUERY, hasty)


def test_a_key_is_trusted_after_the_provider_forgot_it(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = World.claim

    def trusting(self: World, row: Any, trip: int) -> int:
        if row.first_sent is not None:
            row.first_sent = self.now
        return claim(self, row, trip)

    monkeypatch.setattr(World, "claim", trusting)

    def forgetful(world: World) -> None:
        world.provider.kept_for = 5.0

    assert "doubled" in caught(Means.KEY, forgetful)


def test_an_inquiry_that_failed_counts_as_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_unclear", lambda standing, _, around: decide._proven_absent(standing, around))
    assert caught(Means.QUERY)


def test_an_unreadable_answer_counts_as_a_failure_without_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    real = decide._failed

    def naive(standing: Any, failed: Failed, around: Any) -> Any:
        return real(replace(standing, effect=Effect.NONE), replace(failed, effect=Effect.NONE), around)

    monkeypatch.setattr(decide, "_failed", naive)
    assert caught(Means.NOTHING) or caught(Means.KEY)


def test_a_provider_that_shows_effects_later_than_declared() -> None:
    def slow(world: World) -> None:
        world.provider.lag = 60.0

    assert "doubled" in caught(Means.QUERY, slow)


def test_a_question_that_is_never_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "_unclear", lambda standing, *_: Confirm(1e9, standing.effect, standing.failures))
    monkeypatch.setattr(World, "judge", lambda *_: None)
    assert "stuck" in caught(Means.QUERY)


def test_an_outage_uses_up_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    around = World.around
    monkeypatch.setattr(World, "around", lambda self, row: replace(around(self, row), breaker_closed=True))
    monkeypatch.setattr(decide, "exhausted", lambda standing, **_: Park("exhausted", standing.effect))
    ends = {row.state for seed in range(20) for row in alone_in_an_outage(seed, Means.KEY).rows}
    assert State.DEAD in ends


def test_a_bucket_that_holds_a_whole_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter.Limit, "burst", property(lambda limit: limit.allowed))
    monkeypatch.setattr(limiter.Limit, "rate", property(lambda limit: limit.allowed / limit.per))

    def most(world: World) -> int:
        arrivals = sorted(world.provider.arrivals)
        return max(sum(1 for other in arrivals if start <= other < start + 1.0) for start in arrivals)

    worlds = [World(seed, Means.KEY, operations=200) for seed in range(6)]
    for world in worlds:
        world.run()
    assert max(most(world) for world in worlds) > worlds[0].limit.calls
