"""May this call be made now? At most one script before the call and one after it; without Redis nothing more is admitted.

Where limits are wide, who comes often asks for several calls at once: see `resilience.ahead`.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import redis

from resilience.ahead import Ahead
from resilience.breaker import BreakerState, Verdict
from resilience.clock import Clock, boottime
from resilience.forecast import Forecast, rooms
from resilience.permit import Health, Permit, Question, Refused
from resilience.traffic import Lane, Traffic
from resilience.way import REFUSED, Way, way_of
from resilience.wire import Call, Wire

_HOME = Path(__file__).parent
_WITHOUT_REDIS = 1.0  # seconds until it makes sense to ask again


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its place among those that are asked together, and the name of the permit that it would get."""

    place: int
    question: Question
    token: str


class Admission:
    """The fleet's gate: breaker and limits per provider, shared in Redis.

    Args:
        client: a client whose connections void the state of a server that restarted (see `resilience.restore`).
        traffic: the policy of each provider.
        clock: BOOTTIME seconds, for the age of permits.
        now: the scripts' clock, for tests; the server's own when None.
    """

    def __init__(
        self,
        client: redis.Redis,
        traffic: Mapping[str, Traffic],
        *,
        clock: Clock = boottime,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._client = client
        self._wire = Wire(client)
        self._ahead = Ahead()
        self._ways: dict[Lane, Way] = {}
        self._traffic = traffic
        self._clock = clock
        self._now = now
        self._admit = client.register_script(_script("admit"))
        self._report = client.register_script(_script("report"))
        self._forecast = client.register_script(_script("forecast"))

    def ask(
        self, lane: Lane, *, cost: float = 1.0, may_probe: bool = False, lease: float, ticket: str = ""
    ) -> Permit | Refused:
        """Ask for leave to make one call.

        Args:
            lane: where it counts.
            cost: how much of the limits it uses.
            may_probe: whether it may find out if the provider is back.
            lease: seconds after which a seat among the calls at once is free again, whatever happens.
            ticket: whose hint is dropped on a refusal; noted for the sweep.
        """
        return self.ask_all([Question(lane, cost=cost, may_probe=may_probe, lease=lease, ticket=ticket)])[0]

    def ask_all(self, questions: Sequence[Question]) -> list[Permit | Refused]:
        """Ask for leave for several calls in one round trip; each counts as if it were asked for alone, lane after lane.

        Those that differ in nothing but their ticket are asked for by one script: what it costs to read a policy and a
        breaker is spent once.
        """
        now, found = self._clock(), dict[int, Permit | Refused]()
        asked: list[_Asked] = []
        for place, question in enumerate(questions):
            if (permit := self._ahead.take(question, now)) is not None:
                found[place] = permit
            else:
                asked.append(_Asked(place, question, secrets.token_hex(8)))
        if asked:
            found |= self._asked(asked, now)
        return [found[place] for place in range(len(questions))]

    def _asked(self, asked: Sequence[_Asked], now: float) -> dict[int, Permit | Refused]:
        blocks, forgotten = _alike(asked), self._ahead.forgotten
        try:
            answers = self._wire.run_all(self._admit, [self._block(block, now) for block in blocks])
        except redis.RedisError:
            return {each.place: Refused("redis", _WITHOUT_REDIS) for each in asked}
        found: dict[int, Permit | Refused] = {}
        for block, (granted, more, *answer) in zip(blocks, answers, strict=True):
            permits = self._granted(block, granted + more, now, answer)
            found |= {each.place: permit for each, permit in zip(block[:granted], permits, strict=False)}
            if granted < len(block):
                refused = self._refused(block[0].question.lane, answer)
                found |= {each.place: refused for each in block[granted:]}
            self._ahead.keep(block[0].question, permits, len(block), forgotten)
        return found

    def report(self, permit: Permit, verdict: Verdict, *, retry_after: float | None = None) -> Health:
        """Say how the call went.

        Args:
            permit: what was granted.
            verdict: what the call said of the provider's health.
            retry_after: seconds, when the provider said that we are too fast.
        """
        try:
            before, after, trip, retry_in = self._wire.run(self._report, *self._said([permit], verdict, retry_after))
        except redis.RedisError:
            return Health(None, None)
        finally:
            if verdict is Verdict.DOWN or retry_after is not None:
                self._ahead.forget(permit.lane.provider)
        return Health(_state(before), _state(after), trip, float(retry_in))

    def hand_back(self, permit: Permit) -> None:
        """Say that a call was not made, where that frees a seat among the calls at once, or the probe."""
        if permit.probe or self._traffic[permit.lane.provider].seats_for(permit.lane.kind):
            self.report(permit, Verdict.NEUTRAL)

    def report_all(self, permits: Sequence[Permit], verdict: Verdict) -> None:
        """Say the same of several calls in one round trip."""
        with suppress(redis.RedisError):  # as if each had been lost: limits count what was granted, not what was said
            self._wire.run_all(self._report, [self._said(block, verdict) for block in _reported_alike(permits)])

    def _block(self, block: Sequence[_Asked], now: float) -> Call:
        question = block[0].question
        way = self._way(question.lane)
        more = self._ahead.more(question, len(block), now)
        calls = [word for asked in block for word in (asked.token, asked.question.ticket)]
        head = (self._time(), question.cost, int(question.may_probe), question.lease)
        return (*way.keys, REFUSED), (*head, *way.arguments, question.patience, more, *calls)

    def _granted(self, block: Sequence[_Asked], many: int, now: float, answer: Any) -> list[Permit]:
        _, _, state, trip, probe, _ = answer
        lane, breaker = block[0].question.lane, BreakerState(state.decode())
        life = self._traffic[lane.provider].permit_life
        tokens = [each.token for each in block[:many]] + [secrets.token_hex(8) for _ in range(many - len(block))]
        return [Permit(token, lane, now, life, trip, breaker, bool(probe)) for token in tokens]

    def _refused(self, lane: Lane, answer: Any) -> Refused:
        reason, wait, state, trip, _, soon = answer
        why = _explained(self._traffic[lane.provider], lane, reason.decode())
        if reason == b"breaker":
            self._ahead.forget(lane.provider)
        return Refused(why, float(wait), BreakerState(state.decode()), trip, soon=bool(soon))

    def _said(self, permits: Sequence[Permit], verdict: Verdict, retry_after: float | None = None) -> Call:
        way, tokens = self._way(permits[0].lane), [permit.token for permit in permits]
        slow = "" if retry_after is None else repr(retry_after)
        return way.seats, (self._time(), verdict.value, permits[0].trip, slow, *way.policy, *tokens)

    def forecast(self, lane: Lane, *, cost: float = 1.0, horizon: float) -> Forecast:
        """What the lane would be granted within `horizon` seconds.

        Raises:
            redis.RedisError: Redis cannot say.
        """
        return self.forecasts([(lane, cost)], horizon=horizon)[0]

    def forecasts(self, lanes: Sequence[tuple[Lane, float]], *, horizon: float) -> list[Forecast]:
        """The same for many lanes, each with the cost of its calls, in one round trip.

        Raises:
            redis.RedisError: Redis cannot say.
        """
        with self._client.pipeline(transaction=False) as pipe:
            for lane, cost in lanes:
                way = self._way(lane)
                args = (self._time(), cost, 0, horizon, *way.arguments)
                self._forecast(keys=list(way.keys), args=args, client=pipe)
            return [
                Forecast(
                    _state(state),
                    float(retry_in),
                    bool(probing),
                    None if room < 0 else room,
                    rooms(self._way(lane), each, lowered),
                    self._way(lane).at_once,
                    even=bool(even),
                )
                for (lane, _), (state, retry_in, probing, room, each, lowered, even) in zip(
                    lanes, pipe.execute(), strict=True
                )
            ]

    def refused(self, most: int) -> list[str]:
        """Take the tickets whose hints were dropped since the last time.

        Raises:
            redis.RedisError: Redis cannot say.
        """
        taken: Any = self._client.lpop(REFUSED, most)
        return [] if taken is None else [ticket.decode() for ticket in taken]

    def _way(self, lane: Lane) -> Way:
        if lane not in self._ways:
            self._ways[lane] = way_of(self._traffic[lane.provider], lane)
        return self._ways[lane]

    def _time(self) -> str:
        return "" if self._now is None else repr(self._now())


@lru_cache
def _script(name: str) -> str:
    parts = ("limiter", "lowered", "breaker", "policy", name)
    return "\n".join((_HOME / f"{part}.lua").read_text() for part in parts)


def _alike(asked: Sequence[_Asked]) -> list[list[_Asked]]:
    """Those together that one script may answer; who may probe asks alone."""
    blocks: dict[Any, list[_Asked]] = defaultdict(list)
    for each in asked:
        one = each.question
        blocks[each.token if one.may_probe else (one.lane, one.cost, one.lease, one.patience)].append(each)
    return list(blocks.values())


def _reported_alike(permits: Sequence[Permit]) -> list[list[Permit]]:
    """Those of which one script may be told; a probe is told of alone."""
    blocks: dict[Any, list[Permit]] = defaultdict(list)
    for one in permits:
        blocks[one.token if one.probe else (one.lane, one.trip)].append(one)
    return list(blocks.values())


def _state(name: bytes) -> BreakerState | None:
    return None if name == b"unknown" else BreakerState(name.decode())


def _explained(traffic: Traffic, lane: Lane, reason: str) -> str:
    """Put the limit's name where the script could only give its number."""
    head, _, index = reason.partition(":")
    if not index.isdigit():
        return reason
    return f"{head}:{(*traffic.limits_for(lane.kind, spare=lane.spare), traffic.ramp)[int(index)].name}"
