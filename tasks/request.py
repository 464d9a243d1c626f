"""A delivered message in the worker's main process: whether it may run, and what a lost child means."""

from typing import Any

from billiard.exceptions import WorkerLostError
from celery.utils.functional import maybe_list
from celery.worker.request import Request
from celery.worker.state import revoked_stamps, task_ready

from config.redact import MASK
from ledger.claim import kept_message
from ledger.release import lapse
from ledger.session import LOST
from tasks import hint
from tasks.draft import unpacked
from tasks.platform import platform
from tasks.revoke import wish

Limits = tuple[float | None, float | None]


class LedgerRequest(Request):
    """A request that asks the ledger, not the worker's memory."""

    _limits: Limits | None = None

    @property
    def time_limits(self) -> Limits:
        """The hard and the soft limit of the call. A sweep's hint does not carry them; the ticket of a plain task does."""
        if self._limits is None:
            self._limits = self._kept_limits()
        return self._limits

    @time_limits.setter
    def time_limits(self, limits: Limits) -> None:
        self._limits = limits

    def _kept_limits(self) -> Limits:
        if getattr(self.task, "bound_kind", None) is not None or not hint.is_hint(self.request_dict):
            return (None, None)
        hard, soft = self._kept_headers().get("timelimit") or (None, None)
        return (hard, soft)

    def _kept_headers(self) -> dict[str, Any]:
        """The headers of the message as it was published; none while the ledger is away, and nothing can be claimed."""
        try:
            message = kept_message(platform().ledger, self.id)
        except LOST:
            return {}
        headers: dict[str, Any] = {} if message is None else unpacked(message)[0]
        return headers

    argsrepr = kwargsrepr = ""  # for events and logs: a message from elsewhere may show whatever its sender liked

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002  Celery's name
        """Celery's event of a success would show what was returned, in Redis and in Flower, to anybody."""
        if "result" in fields:
            fields["result"] = MASK
        super().send_event(type, **fields)

    def revoked(self) -> bool:
        """Never here: a revocation is a wish on the row, which the claim obeys; one by stamp becomes such a wish."""
        if revoked_stamps and _stamped_away(self._kept_headers()):
            wish([self.id])
        return False

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:  # noqa: FBT001, FBT002  Celery's signature
        """A lost child is no failure of its task: its lease ends at once, and the sweep asks what became of it."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, (WorkerLostError, SystemExit)):
            self._lost()
            return
        super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001  Celery's signature
        """A hard limit has killed the child, whatever it was doing."""
        if soft:
            super().on_timeout(soft, timeout)
            return
        self._lost()

    def _lost(self) -> None:
        task_ready(self)
        self.acknowledge()
        here = platform()
        try:
            lapse(here.ledger, f"{here.worker}/{self.worker_pid}/")
        except LOST:
            return  # the lease ends by itself


def _stamped_away(headers: dict[str, Any]) -> bool:
    """Whether a stamp of a message is among those that workers were told to revoke."""
    stamps = {name: headers.get("stamps", {}).get(name) for name in headers.get("stamped_headers") or ()}
    return any(
        value in maybe_list(revoked_stamps[name])
        for name, values in stamps.items()
        if name in revoked_stamps
        for value in maybe_list(values) or ()
    )
