"""The scripts in Redis and the pure functions give the same answers to the same histories."""

from dataclasses import replace
from random import Random

import pytest
import redis

from resilience import breaker, limiter, restore
from resilience.admission import Admission
from resilience.breaker import Breaker, BreakerPolicy, BreakerState, Verdict
from resilience.limiter import Bucket, Limit, Quota
from resilience.lowered import Lowered, put
from resilience.permit import Permit, Question, Refused
from resilience.traffic import Lane, Traffic
from resilience.way import breaker_key

LANE = Lane("acme", "default", "acme.make")


class Model:
    """The pure functions, driven as the scripts are."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.breaker = Breaker()
        self.buckets: dict[str, Bucket] = {}
        self.quotas: dict[str, Quota] = {}

    def ask(self, now: float, token: str, cost: float, *, may_probe: bool) -> tuple[bool, float, bool]:
        policy = self.traffic.breaker
        moved, leave = breaker.admit(self.breaker, policy, now, token=token, may_probe=may_probe)
        if not leave.allowed:
            return False, leave.wait, False
        flow = breaker.flow(self.breaker, policy, now)
        limits = [*self.traffic.limits, *([self.traffic.ramp] if flow < 1 else [])]
        filled = {
            limit.name: limiter.filled(self.buckets.get(limit.name), limit, now, flow)
            for limit in limits
            if not limit.long
        }
        waits = [self._wait(limit, filled, now, cost, flow) for limit in limits]
        if any(waits):
            return False, max(waits), False
        for limit in limits:
            self._take(limit, filled, now, cost)
        self.breaker = moved
        return True, 0.0, leave.probe

    def _wait(self, limit: Limit, filled: dict[str, Bucket], now: float, cost: float, flow: float) -> float:
        if limit.long:
            over = limiter.used(self.quotas.get(limit.name, Quota()), limit, now) + cost > limit.allowed + 1e-9
            return limit.per / limiter.QUOTA_SLOTS if over else 0.0
        return limiter.wait_for(filled[limit.name], limit, cost, flow)

    def _take(self, limit: Limit, filled: dict[str, Bucket], now: float, cost: float) -> None:
        if limit.long:
            self.quotas[limit.name] = limiter.spent(self.quotas.get(limit.name, Quota()), limit, now, cost)
        else:
            self.buckets[limit.name] = limiter.taken(filled[limit.name], cost)


@pytest.mark.parametrize("seed", range(12))
def test_scripts_and_pure_functions_agree_on_random_histories(client: redis.Redis, seed: int) -> None:
    rng = Random(seed)
    traffic = Traffic(
        "acme",
        BreakerPolicy(
            mode=rng.choice(["auto", "consecutive"]), min_calls=8, window=5.0, open_for=2.0, open_for_max=8.0,
            probe_life=3.0, ramp=rng.choice([0.0, 6.0]),
        ),
        (Limit("5 per 1s", (), 5, 1.0), Limit("60 per 60s", ("tenant",), 60, 60.0), Limit("200 per day", (), 200, 86_400.0)),
    )  # fmt: skip
    now = 1_000_000.0
    admission = Admission(client, {"acme": traffic}, now=lambda: now)
    model = Model(traffic)
    under_way: list[Permit] = []
    refusals = transitions = 0
    for _ in range(600):
        now += rng.choice([0.0, 0.01, 0.1, 0.3, 1.0, 4.0])
        if under_way and rng.random() < 0.5:
            permit = under_way.pop(rng.randrange(len(under_way)))
            verdict = rng.choices(list(Verdict), weights=rng.choice([(8, 1, 1), (1, 8, 1)]))[0]
            health = admission.report(permit, verdict)
            before = model.breaker.state
            model.breaker = breaker.report(
                model.breaker, traffic.breaker, now, verdict=verdict, trip=permit.trip, token=permit.token
            )
            assert (health.before, health.after, health.trip) == (before, model.breaker.state, model.breaker.trip)
            transitions += health.moved
            continue
        may_probe, cost = rng.random() < 0.5, rng.choice([1.0, 1.0, 3.0])
        together = 1 if may_probe else rng.choice([1, 2, 5])
        question = Question(LANE, cost=cost, may_probe=may_probe, lease=60)
        for answer in admission.ask_all([question] * together):
            granted, wait, probe = model.ask(
                now, answer.token if isinstance(answer, Permit) else "-", cost, may_probe=may_probe
            )
            if isinstance(answer, Permit):
                assert granted
                assert probe == answer.probe
                under_way.append(answer)
            else:
                assert not granted
                assert wait == pytest.approx(answer.wait, abs=1e-4)
                refusals += 1
    assert refusals > 50
    assert transitions > 1


@pytest.mark.parametrize("seed", range(4))
def test_what_calls_report_together_counts_as_if_each_had_reported_alone(client: redis.Redis, seed: int) -> None:
    rng, now = Random(seed), 1_000_000.0
    policy = BreakerPolicy(mode="auto", min_calls=8, window=5.0, open_for=2.0, open_for_max=8.0)
    traffic = Traffic("acme", policy)
    admission, alone = Admission(client, {"acme": traffic}, now=lambda: now), Breaker()
    by_rate = 0
    for _ in range(200):
        now += rng.choice([0.0, 0.1, 0.4, 1.5])
        permits = [
            one
            for one in admission.ask_all([Question(LANE, lease=60)] * rng.choice([1, 3, 8]))
            if isinstance(one, Permit)
        ]
        verdict = rng.choices([Verdict.OK, Verdict.NEUTRAL], weights=[8, 1])[0]
        if rng.random() < 0.1:
            admission.report(permits[0], Verdict.DOWN)
            alone = breaker.report(alone, policy, now, verdict=Verdict.DOWN, trip=0, token="-")
        admission.report_all(permits, verdict)
        for _ in permits:
            alone = breaker.report(alone, policy, now, verdict=verdict, trip=0, token="-")
        kept: dict[bytes, bytes] = client.hgetall(breaker_key("acme"))  # type: ignore[assignment]  # the client is not asynchronous
        assert int(kept[b"consecutive"]) == alone.consecutive
        assert kept[b"by_rate"] == str(int(alone.by_rate)).encode()
        by_rate += alone.by_rate
        slots = {name: int(count) for name, count in kept.items() if name[:1] in b"cf" and name[1:].isdigit()}
        assert slots == {
            f"{kind}{slot}".encode(): count
            for slot, *counts in alone.slots
            for kind, count in zip("cf", counts, strict=True)
            if count
        }
    assert 0 < by_rate < 200


def test_of_calls_that_say_together_that_it_is_down_the_one_opens_it_that_would_have_alone(client: redis.Redis) -> None:
    policy = BreakerPolicy(mode="auto", consecutive=3, min_calls=20, rate=0.5, window=60.0)
    admission = Admission(client, {"acme": Traffic("acme", policy)}, now=lambda: 1_000_000.0)
    permits = [one for one in admission.ask_all([Question(LANE, lease=60)] * 26) if isinstance(one, Permit)]
    admission.report_all(permits[:18], Verdict.OK)
    admission.report_all(permits[18:], Verdict.DOWN)  # 8 of 26 are no rate to open at; the third in a row is a reason
    assert admission.forecast(LANE, horizon=1).breaker is BreakerState.OPEN
    assert client.hget(breaker_key("acme"), "trip") == b"1"


def test_who_would_ask_again_soon_does_not_give_its_hint_up(client: redis.Redis) -> None:
    now = 1_000_000.0
    admission = Admission(client, {"acme": Traffic("acme", limits=(Limit("20 per 1s", (), 20, 1.0),))}, now=lambda: now)
    assert isinstance(admission.ask(LANE, lease=60), Permit)
    patient, hasty = (
        Question(LANE, lease=60, ticket="p", patience=0.2),
        Question(LANE, lease=60, ticket="h", patience=0.01),
    )
    answers = admission.ask_all([patient, hasty])
    assert [(isinstance(one, Refused), getattr(one, "soon", None)) for one in answers] == [(True, True), (True, False)]
    assert admission.refused(10) == ["h"]
    now += 0.001 + (answers[0].wait if isinstance(answers[0], Refused) else 0.0)
    assert isinstance(admission.ask_all([patient])[0], Permit)
    restore.hold(client, "acme", "open")
    held = admission.ask_all([replace(patient, patience=1e9)])[0]
    assert isinstance(held, Refused)
    assert not held.soon  # a breaker's time is no turn in a row
    assert admission.refused(10) == ["p"]


def test_permits_that_come_only_later_are_not_there_from_now_on(client: redis.Redis) -> None:
    now = 1_000_000.0
    admission = Admission(
        client, {"acme": Traffic("acme", limits=(Limit("100 per 1s", (), 100, 1.0, largest=9),))}, now=lambda: now
    )
    assert admission.forecast(LANE, horizon=1).even
    permits = admission.ask_all([Question(LANE, lease=60, cost=20.0)])
    assert not admission.forecast(LANE, horizon=1).even  # a call that is larger than the burst leaves a debt
    now += 1.0
    assert admission.forecast(LANE, horizon=1).even
    assert isinstance(permits[0], Permit)
    admission.report(permits[0], Verdict.NEUTRAL, retry_after=0.5)
    assert not admission.forecast(LANE, horizon=1).even


def test_an_answer_that_redis_refuses_leaves_no_other_for_the_next_question(client: redis.Redis) -> None:
    admission = Admission(client, {"acme": Traffic("acme"), "other": Traffic("other")})
    asked = [Question(Lane(name, "default", "make"), lease=60) for name in ("acme", "other")]
    assert all(isinstance(one, Permit) for one in admission.ask_all(asked))
    client.set(breaker_key("acme"), "of another type")
    assert [one.reason for one in admission.ask_all(asked) if isinstance(one, Refused)] == ["redis", "redis"]
    client.delete(breaker_key("acme"))
    assert admission.report(_granted(admission.ask(LANE, lease=60)), Verdict.OK).closed


def _granted(answer: Permit | Refused) -> Permit:
    assert isinstance(answer, Permit)
    return answer


def test_of_those_that_ask_together_the_first_are_granted_and_the_others_hints_are_given_up(
    client: redis.Redis,
) -> None:
    traffic = Traffic("acme", limits=(Limit("3 at once", (), 3, 0.0), Limit("1000 per day", (), 1000, 86_400.0)))
    admission = Admission(client, {"acme": traffic}, now=lambda: 1_000_000.0)
    other = Lane("acme", "other", LANE.kind)
    asked = [
        Question(lane, lease=60, ticket=name)
        for name, lane in (("a", LANE), ("b", other), ("c", LANE), ("d", LANE), ("e", other))
    ]
    answers = admission.ask_all(asked)
    granted = [one.lane for one in answers if isinstance(one, Permit)]
    assert granted == [LANE, LANE, LANE]
    assert [isinstance(one, Refused) for one in answers] == [False, True, False, False, True]
    assert sorted(admission.refused(10)) == ["b", "e"]
    assert len({one.token for one in answers if isinstance(one, Permit)}) == 3
    admission.report_all([one for one in answers if isinstance(one, Permit)][:2], Verdict.OK)
    assert [isinstance(one, Permit) for one in admission.ask_all([Question(other, lease=60)] * 3)] == [
        True,
        True,
        False,
    ]


def test_calls_at_once_are_seats_that_a_report_or_their_lease_gives_back(client: redis.Redis) -> None:
    now = 1_000_000.0
    traffic = Traffic("acme", limits=(Limit("2 at once", ("tenant",), 2, 0.0),))
    admission = Admission(client, {"acme": traffic}, now=lambda: now)
    first, second, third = (admission.ask(LANE, lease=60) for _ in range(3))
    assert isinstance(first, Permit)
    assert isinstance(second, Permit)
    assert isinstance(third, Refused)
    assert third.reason == "rate:2 at once"
    assert isinstance(admission.ask(Lane("acme", "other", "acme.make"), lease=60), Permit)
    admission.report(first, Verdict.OK)
    assert isinstance(admission.ask(LANE, lease=60), Permit)
    now += 61
    assert isinstance(admission.ask(LANE, lease=60), Permit)


def test_a_429_keeps_the_tenant_away_for_as_long_as_was_asked_and_slows_it_down(client: redis.Redis) -> None:
    now = 1_000_000.0
    traffic = Traffic("acme", limits=(Limit("100 per 1s", ("tenant",), 100, 1.0),))
    admission = Admission(client, {"acme": traffic}, now=lambda: now)
    permit = admission.ask(LANE, lease=60)
    assert isinstance(permit, Permit)
    full = admission.forecast(LANE, horizon=10).room
    admission.report(permit, Verdict.NEUTRAL, retry_after=7.0)
    refused = admission.ask(LANE, lease=60)
    assert isinstance(refused, Refused)
    assert refused.wait == pytest.approx(7.0, abs=1e-3)
    assert isinstance(admission.ask(Lane("acme", "other", "acme.make"), lease=60), Permit)
    now += 7.5
    slowed = admission.forecast(LANE, horizon=10).room
    assert full is not None
    assert slowed is not None
    assert slowed < 0.9 * full


OWN, ALL = Limit("100 per 1s", ("tenant",), 100, 1.0), Limit("200 per 1s", (), 200, 1.0)


@pytest.mark.parametrize(
    ("limits", "slowed"), [((OWN, ALL), (200, 600)), ((OWN,), (200, 600)), ((ALL,), (1, 20)), ((), (1, 20))]
)
def test_a_429_slows_a_tenants_own_limits_or_its_share_of_the_usual_traffic_and_nobody_else(
    client: redis.Redis, limits: tuple[Limit, ...], slowed: tuple[int, int]
) -> None:
    now, other = 1_000_000.0, Lane("acme", "other", LANE.kind)
    admission = Admission(client, {"acme": Traffic("acme", limits=limits, calls_per_minute=60)}, now=lambda: now)
    admission.report(_granted(admission.ask(LANE, lease=60)), Verdict.NEUTRAL, retry_after=0.0)
    least, most = slowed
    granted, forecast, others = 0, 0, 0
    for _ in range(10):
        forecast += admission.forecast(LANE, horizon=0.9).room or 0
        for _ in range(10):
            now += 0.1
            granted += sum(isinstance(admission.ask(LANE, lease=60), Permit) for _ in range(10))
            others += sum(isinstance(admission.ask(other, lease=60), Permit) for _ in range(4))
    assert least < granted < most
    assert least < forecast < most + 60
    assert others == 400


def test_a_limit_that_a_person_lowers_does_not_take_a_slowed_tenant_out_of_the_usual_traffic(
    client: redis.Redis,
) -> None:
    now = 1_000_000.0
    traffic = Traffic("acme", calls_per_minute=60)
    put(client, traffic, [Lowered(1000, 1.0, "", "", 3600.0)], now)
    admission = Admission(client, {"acme": traffic}, now=lambda: now)
    admission.report(_granted(admission.ask(LANE, lease=60)), Verdict.NEUTRAL, retry_after=0.0)
    now += 1.0
    assert sum(isinstance(admission.ask(LANE, lease=60), Permit) for _ in range(100)) < 20


def test_an_operator_holds_a_breaker_open_or_closed_whatever_the_calls_say(client: redis.Redis) -> None:
    now = 1_000_000.0
    admission = Admission(client, {"acme": Traffic("acme")}, now=lambda: now)
    permit = admission.ask(LANE, lease=60)
    assert isinstance(permit, Permit)
    restore.hold(client, "acme", "open")
    assert isinstance(admission.ask(LANE, may_probe=True, lease=60), Refused)
    assert admission.forecast(LANE, horizon=1).breaker is BreakerState.OPEN
    restore.hold(client, "acme", "closed")
    for _ in range(10):
        granted = admission.ask(LANE, lease=60)
        assert isinstance(granted, Permit)
        admission.report(granted, Verdict.DOWN)
    restore.hold(client, "acme", "")
    assert isinstance(admission.ask(LANE, lease=60), Permit)
    assert client.hget(breaker_key("acme"), "consecutive") in {None, b"0"}


def test_a_forecast_tells_what_all_kinds_share_from_what_is_the_kinds_own(client: redis.Redis) -> None:
    limits = (Limit("25 per kind", ("tenant", "kind"), 25, 1.0), Limit("100 per tenant", ("tenant",), 100, 1.0))
    admission = Admission(client, {"acme": Traffic("acme", limits=limits)}, now=lambda: 1_000_000.0)
    own, all_kinds = (room for _, room in admission.forecast(LANE, horizon=1).rooms)
    assert isinstance(admission.ask(LANE, lease=60), Permit)
    other = admission.forecast(Lane("acme", LANE.tenant, "acme.other"), horizon=1)
    assert [room for _, room in other.rooms] == [own, all_kinds - 1]
    names = {name for name, _ in other.rooms} & {name for name, _ in admission.forecast(LANE, horizon=1).rooms}
    assert len(names) == 1  # the tenant's, by which the lanes are known to share it


def test_a_forecast_tells_what_all_tenants_share_from_what_is_the_tenants_own(client: redis.Redis) -> None:
    limits = (Limit("12 per tenant", ("tenant",), 12, 1.0), Limit("40 in all", (), 40, 1.0))
    admission = Admission(client, {"acme": Traffic("acme", limits=limits)}, now=lambda: 1_000_000.0)
    ours, theirs = (dict(admission.forecast(Lane("acme", who, LANE.kind), horizon=1).rooms) for who in ("a", "b"))
    assert len(ours) == len(theirs) == 2
    (shared,) = ours.keys() & theirs.keys()
    assert ours[shared] > max(room for name, room in ours.items() if name != shared)


def test_a_limit_of_one_kind_alone_is_not_shared(client: redis.Redis) -> None:
    limits = (Limit("25 per kind", ("tenant", "kind"), 25, 1.0),)
    admission = Admission(client, {"acme": Traffic("acme", limits=limits)}, now=lambda: 1_000_000.0)
    other = Lane("acme", LANE.tenant, "acme.other")
    known = [{name for name, _ in admission.forecast(lane, horizon=1).rooms} for lane in (LANE, other)]
    assert len(known[0]) == len(known[1]) == 1
    assert known[0] != known[1]
