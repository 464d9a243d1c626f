"""Celery's result backend on the ledger: an AsyncResult tells the truth of the row, for every ticket.

What Celery wants to store about an operation is not stored: the outcome was written before Celery heard of it. Chords are
counted in PostgreSQL; `chord_unlock` is not used.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from celery import states
from celery.backends.base import KeyValueStoreBackend, _create_chord_error_with_cause
from celery.canvas import maybe_signature
from celery.exceptions import ChordError, Retry, TaskRevokedError
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import GroupResult, allow_join_result
from celery.utils.functional import _regen
from celery.utils.log import get_logger
from kombu.utils import json as kombu_json
from kombu.utils.encoding import bytes_to_str

from ledger import chords, results
from ledger.due import Hint
from ledger.follow import Ended, ended, ended_many
from ledger.lanes import LOCAL
from ledger.session import LOST
from operations.errors import DeadLettered, Declined
from operations.states import State
from tasks.accepting import transaction_of_our_own
from tasks.current import work_of
from tasks.draft import unpacked
from tasks.platform import platform
from tasks.publishing import publish

logger = get_logger(__name__)

_LEDGERS_OWN = frozenset({states.SUCCESS, states.FAILURE, states.RETRY, states.STARTED, states.REVOKED})
_LONGEST_POLL = 0.5  # seconds between two looks of somebody who waits for a result


class LedgerBackend(KeyValueStoreBackend):
    """The result backend."""

    persistent = True
    supports_autoexpire = True
    supports_native_join = True
    key_t = staticmethod(bytes_to_str)

    # ---- what Celery stores under names that are no tickets ----

    def get(self, key: str) -> bytes | None:
        """A stored value."""
        return results.fetch(platform().ledger, [key]).get(key)

    def mget(self, keys: list[str]) -> list[bytes | None]:
        """Stored values."""
        found = results.fetch(platform().ledger, keys)
        return [found.get(key) for key in keys]

    def set(self, key: str, value: str | bytes) -> None:
        """Store a value."""
        results.store(platform().ledger, key, value.encode() if isinstance(value, str) else value)

    def delete(self, key: str) -> None:
        """Delete a value."""
        results.forget(platform().ledger, key)

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Nothing is prepared at a call: whoever waits reads the row."""

    # ---- what is true of a ticket ----

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        return self._metas([task_id])[task_id]

    def _metas(self, task_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What Celery calls a task's meta, for each id: of a ticket from its row, of another name as it was stored."""
        found = ended_many(platform().ledger, task_ids)
        told = {name: self._meta(name, ticket) for name, ticket in found.items()}
        keys = {name: self.get_key_for_task(name) for name in task_ids if told.get(name) is None}
        stored = results.fetch(platform().ledger, list(keys.values())) if keys else {}
        for name, key in keys.items():
            kept = self.decode_result(stored[key]) if key in stored else None
            told[name] = kept or self._row(name, found.get(name)) or {"status": states.PENDING, "result": None}
        return {name: meta for name, meta in told.items() if meta is not None}

    def _meta(self, task_id: str, found: Ended) -> dict[str, Any] | None:
        """The row's own account; None where something else may be stored under the name."""
        gave_itself_away = found.state == State.SUPERSEDED and found.provider == LOCAL
        tries_again = found.state == State.WAITING and found.provider == LOCAL and not found.untouched
        stored = gave_itself_away or tries_again or found.state == State.CALLING
        return None if stored else self._row(task_id, found)

    def _row(self, task_id: str, found: Ended | None) -> dict[str, Any] | None:
        if found is None or (found.state == State.SUPERSEDED and found.provider == LOCAL) or self._ignored(found):
            return None
        status, result, traceback = self._truth(found)
        meta = {
            "task_id": task_id,
            "status": status,
            "result": result,
            "traceback": traceback,
            "children": found.children,
            "date_done": found.ended_at,
        }
        return meta | _extended(found) if self.app.conf.result_extended else meta

    def _ignored(self, found: Ended) -> bool:
        """Whether nobody wants to see what a plain task returned; it is kept all the same, for what follows."""
        if found.provider != LOCAL or found.state != State.SUCCEEDED or found.message is None:
            return False
        headers, *_ = unpacked(found.message)
        asked = headers.get("ignore_result")  # what the caller says counts before what the task says
        task = self.app.tasks.get(headers.get("task"))
        return bool(getattr(task, "ignore_result", False) if asked is None else asked)

    def _truth(self, found: Ended) -> tuple[str, Any, str | None]:
        """Celery's state, result and traceback for how an operation stands."""
        match State(found.state):
            case State.WAITING | State.UNCONFIRMED | State.AWAITING:
                if found.untouched:
                    return states.PENDING, None, None
                return states.RETRY, Retry(f"{found.state}: {found.held_by or found.reason or ''}".rstrip(": ")), None
            case State.CALLING:
                return states.STARTED, None, None
            case State.SUCCEEDED:
                return states.SUCCESS, value_of(found), None
            case State.DEAD if found.held:
                return states.RETRY, Retry(f"DEAD_LETTER: {found.reason}, effect {found.effect}"), None
            case _:
                return self._failure(found)

    def _failure(self, found: Ended) -> tuple[str, Any, str | None]:
        if found.provider == LOCAL and found.reason in {"revoked", "expired"}:
            return states.REVOKED, TaskRevokedError(found.reason), None
        traceback = found.result.get("traceback") if isinstance(found.result, dict) else None
        return states.FAILURE, failure_of(found), traceback

    def wait_for(
        self, task_id: str, timeout: float | None = None, interval: float = 0.5, no_ack: bool = True,  # noqa: FBT001, FBT002  Celery's signature
        on_interval: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Wait for a ticket's end, looking often at first and seldom later."""
        del no_ack
        until, pause = math.inf if timeout is None else time.monotonic() + timeout, 0.01
        while True:
            meta: dict[str, Any] = self.get_task_meta(task_id)
            if on_interval:
                on_interval()  # before the end is told: of a chain that failed, the first step's own error is raised
            if meta["status"] in states.READY_STATES:
                return meta
            left = until - time.monotonic()
            if left <= 0:
                raise CeleryTimeoutError(f"{task_id} has not ended after {timeout} s")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, interval, _LONGEST_POLL)

    def get_many(  # noqa: PLR0917  Celery's signature
        self, task_ids: Iterable[str], timeout: float | None = None, interval: float | None = 0.5, no_ack: bool = True,  # noqa: FBT001, FBT002  Celery's signature
        on_message: Any = None, on_interval: Any = None, **_: Any,
    ) -> Iterator[tuple[str, dict[str, Any]]]:  # fmt: skip
        """Wait for the ends of several tickets, all in one look."""
        del no_ack
        left = {bytes_to_str(task_id) for task_id in task_ids}
        until, pause = math.inf if timeout is None else time.monotonic() + timeout, 0.01
        while True:
            for task_id, meta in self._metas(sorted(left)).items():
                if meta["status"] in states.READY_STATES:
                    left.discard(task_id)
                    self._cache[task_id] = meta
                    if on_message:
                        on_message(meta)
                    yield task_id, meta
            if not left:
                return
            if time.monotonic() >= until:
                raise CeleryTimeoutError(f"{len(left)} of them have not ended after {timeout} s")
            if on_interval:
                on_interval()
            time.sleep(max(0.0, min(pause, until - time.monotonic())))
            pause = min(pause * 1.5, interval or _LONGEST_POLL, _LONGEST_POLL)

    # ---- what Celery says of a ticket, after the ledger has said it ----

    def store_result(self, task_id: str, result: Any, state: str, *args: Any, **kwargs: Any) -> Any:
        """Keep custom states, why a plain task retries, and ends of names that have no ticket; the ledger has the rest."""
        work = work_of(task_id)
        own_retry = state == states.RETRY and work is not None and work.claimed is not None and work.attempt is None
        if state in _LEDGERS_OWN and not own_retry and (work or ended(platform().ledger, task_id) is not None):
            return result
        return super().store_result(task_id, result, state, *args, **kwargs)

    def mark_as_done(self, task_id: str, result: Any, request: Any = None, *args: Any, **kwargs: Any) -> None:
        """What follows a success was sent: count it in its chord, and note that it is done."""
        super().mark_as_done(task_id, result, request, *args, **kwargs)
        work = work_of(task_id)
        if work is not None:
            work.followed = work.settled == State.SUCCEEDED
            work.children = self.current_task_children(request) or []

    def mark_as_failure(self, task_id: str, exc: BaseException, *args: Any, **kwargs: Any) -> None:
        """Let what follows a failure be sent, unless the ledger knows that it is none."""
        work = work_of(task_id)
        if work is not None and work.settled in {None, State.SUCCEEDED}:
            # Sending what follows a success has failed: that is tried again, and the success stays one.
            logger.warning("what follows %s could not be sent: %r; it is sent again later", task_id, exc)
            return
        super().mark_as_failure(task_id, exc, *args, **kwargs)
        if work is not None:
            work.followed = True

    # ---- chords ----

    def apply_chord(self, header_result_args: Any, body: Any, **kwargs: Any) -> None:
        """Keep the shape of a header that holds groups; its members carry the body along."""
        del body, kwargs
        if isinstance(header_result_args[1], _regen):
            return  # a generator is not unrolled before its members are sent
        header = self.app.GroupResult(*header_result_args)
        if any(isinstance(member, GroupResult) for member in header.results):
            header.save(backend=self)

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        """Say how many members a chord has."""
        with platform().ledger.transaction() as connection:
            chords.set_size(connection, group_id, chord_size)

    def add_to_chord(self, chord_id: str, result: Any) -> None:
        """One member more."""
        del result
        with platform().ledger.connection() as connection:
            chords.grow(connection, chord_id)

    def on_chord_part_return(self, request: Any, state: str, result: Any, **kwargs: Any) -> None:
        """Count a member; the last one sends the body, in the transaction that says so."""
        del kwargs
        if not request.group or not request.id:
            return
        position = math.inf if request.group_index is None else float(request.group_index)
        content = kombu_json.dumps([state, self.encode_result(result, state)])
        parts = chords.add_part(platform().ledger, request.group, request.id, position, content)
        if parts is not None:
            self._complete_chord(request, parts)

    def _complete_chord(self, request: Any, parts: list[chords.Part]) -> None:
        callback = maybe_signature(request.chord, app=self.app)
        try:
            values = self._joined(request.group, parts)
        except LOST:
            raise  # the ledger is away: the last member's end is finalised later, and counted then
        except Exception as error:  # noqa: BLE001  a member's own error, of whatever type
            failed = error if isinstance(error, ChordError) else ChordError(f"Join error: {error!r}")
            self.chord_error_from_stack(callback, failed)  # of the application's own making, and of any length
            self._release(request.group)  # after it: who dies in between sends them twice, and not never
            return
        self._release(request.group, lambda: callback.delay(values))

    def _release(self, group_id: str, send: Callable[[], Any] | None = None) -> None:
        """Note that a chord is done, and send its body once: with the note that it was sent, or not at all."""
        hints: list[Hint] = []
        with platform().ledger.transaction() as connection:
            if not chords.release(connection, group_id):
                return
            if send is not None:
                with transaction_of_our_own(connection, hints):
                    send()
        publish(hints)

    def _joined(self, group_id: str, parts: list[chords.Part]) -> list[Any]:
        header = self.app.GroupResult.restore(group_id, backend=self)
        if header is None:
            return [self._member(part) for part in parts]
        header.on_ready()
        with allow_join_result():
            members: list[Any] = header.join(timeout=self.app.conf.result_chord_join_timeout, propagate=True)
        return members

    def _member(self, part: chords.Part) -> Any:
        state, result = kombu_json.loads(part.content)
        if state in states.PROPAGATE_STATES:
            error = self.exception_to_python(result)
            raise _create_chord_error_with_cause(
                message=f"Dependency {part.ticket_id} raised {error!r}", original_exc=error
            )
        return result


def _extended(found: Ended) -> dict[str, Any]:
    """What `result_extended` asks for, of what the message says besides its arguments."""
    if found.message is None:
        return {}
    headers, *_ = unpacked(found.message)
    kept = {"name": "task", "group_id": "group", "parent_id": "parent_id", "retries": "retries"}
    return {name: headers[header] for name, header in kept.items() if header in headers}


def value_of(found: Ended) -> Any:
    """What `.get()` returns: of a plain task what it returned, of an operation its own account."""
    if found.provider == LOCAL:
        return kombu_json.loads(found.result) if isinstance(found.result, str) else found.result
    return {
        "id": str(found.operation_id),
        "state": found.state,
        "effect": found.effect,
        "reference": found.reference,
        "result": found.result,
    }


def _backend() -> Any:
    """Ours, in whatever thread: Celery's current_app is another one in a thread that the application started."""
    from tasks.app import app  # noqa: PLC0415  the app names this module

    return app.backend


def failure_of(found: Ended) -> BaseException:
    """What `.get()` raises: of a plain task what it raised, of an operation that it was declined or is a dead letter."""
    if isinstance(found.result, dict) and "raised" in found.result:
        error: BaseException = _backend().exception_to_python(kombu_json.loads(found.result["raised"]))
        return error
    superseded_refusal = found.state == State.SUPERSEDED and found.reason is None  # only dead letters have a reason
    if found.state == State.DECLINED or superseded_refusal:
        return Declined(found.code or "", str(found.operation_id))
    return DeadLettered(found.effect, found.reason or found.state, str(found.operation_id))


def written(error: BaseException) -> str:
    """A plain task's exception, as it is kept; `failure_of` reads it."""
    kept: str = kombu_json.dumps(_backend().prepare_exception(error))
    return kept
