"""What the sweep decides between attempts: leases that lapsed, operations out of time or attempts."""

import logging
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from config import crashpoint
from config.errors import ConfigError
from deadletter.park import letter
from integrations.registry import BoundKind
from ledger.lanes import LOCAL
from ledger.lapsed import Stray, lapsed, overdue
from ledger.record import Heard, Letter, Pace, record
from ledger.release import POISONED
from ledger.session import BUSY, LOST, Connection
from operations.means import Assurance, Means
from operations.operation import POISON, SUSPECT, Purpose, RetryPolicy
from operations.outcome import Effect, ErrorClass, Failed, Unclear
from operations.states import Reason
from resilience import decide as deciding
from resilience.breaker import BreakerState
from resilience.decide import Around, Decision, Park, Retry
from tasks.platform import Platform
from tasks.traffic import breaker_now

_MOST = 200  # operations in one look; the rest at the next tick, so that one batch never starves another duty
_LOCAL_CRASHES = 5  # claims in a row lost with their worker, after which a plain task is not run again
_UNKNOWN_KIND = Assurance(Means.NOTHING)
_LOCAL = Pace(RetryPolicy(), settle=0.0, confirm_time=0.0)
_told: set[uuid.UUID] = set()  # each tick meets it again; it is told of once
_log = logging.getLogger(__name__)
_rng = Random()  # noqa: S311  jitter needs no secrecy
os.register_at_fork(after_in_child=_rng.seed)  # or siblings would wait equally long


def take_back(platform: Platform, connection: Connection) -> int:
    """Decide about operations whose worker was lost: asked, sent again under their key, or a person's turn."""
    strays = lapsed(connection, lambda kind: _assurance(platform, kind), known=platform.registry.kinds, limit=_MOST)
    return _each(strays, lambda stray: _reap(platform, stray))


def judge(platform: Platform, connection: Connection) -> int:
    """Decide about operations whose time is up: the deadline, an expiry, a revocation, the last attempt."""
    strays = overdue(connection, lambda kind: _assurance(platform, kind), known=platform.registry.kinds, limit=_MOST)
    return _each(strays, lambda stray: _judge(platform, connection, stray))


def _each(strays: Sequence[Stray], decide: Callable[[Stray], bool]) -> int:
    """Decide about each; a row that cannot be decided about keeps nobody else waiting."""
    decided = 0
    for stray in strays:
        try:
            decided += decide(stray)
        except BUSY:
            continue  # somebody's transaction has it: an application's, that accepts the same intent, may last for minutes
        except LOST:
            raise
        except Exception:  # noqa: BLE001  whatever is wrong with one row, the sweep must go on
            operation = stray.lease.operation_id
            if operation not in _told:
                _told.add(operation)
                _log.exception("operation %s cannot be decided about; the others are", operation)
    return decided


def _reap(platform: Platform, stray: Stray) -> bool:
    lease = stray.lease
    if lease.provider == LOCAL:
        return _reap_local(platform, stray)
    bound = _bound(platform, lease.kind)
    if bound is None:
        return False  # a kind of a newer version: its own workers will decide
    lost: Failed | Unclear = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "worker_lost")
    if lease.standing.purpose is Purpose.INQUIRE:
        lost = Unclear("worker_lost")
    poison = stray.reason == POISONED
    decision = (
        deciding.poisoned(lease.standing)
        if poison
        else deciding.decide(lease.standing, lost, Around(bound.policy, _rng))
    )
    crashes = POISON if poison else max(stray.crashes, min(stray.crashes + 1, SUSPECT))
    heard = Heard("lost", Effect.UNKNOWN, ErrorClass.AMBIGUOUS, code="worker_lost", crashes=crashes)
    return _write(platform, stray, decision, heard, bound, code="worker_lost")


def _reap_local(platform: Platform, stray: Stray) -> bool:
    lease = stray.lease
    decision: Decision = Retry(0.0, Reason.BACKOFF, Effect.NONE, lease.standing.failures)
    filed = None
    if stray.crashes + 1 >= _LOCAL_CRASHES:
        decision = Park("crashed", Effect.NONE)
        filed = letter(LOCAL, lease.kind, decision, code="worker_lost", message="")
    heard = Heard("lost", Effect.NONE, code="worker_lost", crashes=stray.crashes + 1)
    return record(platform.ledger, lease, decision, heard=heard, pace=_LOCAL, letter=filed)


def _judge(platform: Platform, connection: Connection, stray: Stray) -> bool:
    lease = stray.lease
    bound = _bound(platform, lease.kind)
    if lease.provider != LOCAL and bound is None:
        return False
    policy = RetryPolicy() if bound is None else bound.policy
    if stray.why == "exhausted" and bound is not None:
        standing = replace(lease.standing, failures=lease.standing.failures + (stray.pending_trip is not None))
        opened = _opened_since(platform, connection, stray)
        decision = deciding.exhausted(standing, breaker_opened=opened, policy=policy)
    else:
        decision = deciding.overdue(lease.standing, "no_answer" if lease.standing.awaiting else stray.why)
    return _write(platform, stray, decision, None, bound, code=None)


def _opened_since(platform: Platform, connection: Connection, stray: Stray) -> bool:
    """Whether the breaker opened after the operation's last failure, or cannot be asked."""
    now = breaker_now(platform, connection, stray.lease.provider)
    return now is None or now.state is not BreakerState.CLOSED or now.trip != stray.pending_trip


def _write(
    platform: Platform,
    stray: Stray,
    decision: Decision,
    heard: Heard | None,
    bound: BoundKind | None,
    *,
    code: str | None,
) -> bool:
    lease = stray.lease
    pace = _LOCAL if bound is None else Pace(bound.policy, bound.assurance.settle, bound.confirm_time)
    crashpoint.reached("sweep.before_judge" if heard is None else "sweep.before_take_back")
    filed = _letter(stray, decision, bound, code)
    written = record(platform.ledger, lease, decision, heard=heard, pace=pace, letter=filed)
    crashpoint.reached("sweep.after_judge" if heard is None else "sweep.after_take_back")
    return written


def _letter(stray: Stray, decision: Decision, bound: BoundKind | None, code: str | None) -> Letter | None:
    if not isinstance(decision, Park):
        return None
    wanted = "its caller" if decision.reason in {"revoked", "expired"} and decision.effect is Effect.NONE else None
    hold = bound.section.hold_for if bound is not None and bound.section.on_dead == "hold" and wanted is None else None
    filed = letter(
        stray.lease.provider,
        stray.lease.kind,
        decision,
        code=code or stray.lease.standing.declined,
        message="",
        hold=hold,
    )
    return replace(filed, closed_by=wanted)


def _assurance(platform: Platform, kind: str) -> Assurance:
    bound = _bound(platform, kind)
    return _UNKNOWN_KIND if bound is None else bound.assurance


def _bound(platform: Platform, kind: str) -> BoundKind | None:
    try:
        return platform.registry.kind(kind)
    except ConfigError:
        return None
