"""A bundle of hints becomes as many requests: each is revoked, told in events and carried out by itself."""

import logging
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from celery.worker.strategy import default

from ledger.due import Hint
from tasks import bundle, hint, quiet
from tasks.platform import platform
from tasks.publishing import put_back

Handler = Callable[..., Any]
_log = logging.getLogger(__name__)


def strategy(task: Any, app: Any, consumer: Any) -> Handler:
    """What Celery's consumer does with a delivered message of a task: its own way, once for each hint in it."""
    handle: Handler = default(task, app, consumer)
    take = quiet.taker(task, app, consumer)

    def wake() -> None:
        consumer.call_soon(_nothing)

    def unfold(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any) -> None:
        own = (message.headers or {}).get("id")
        if own is None or not hint.is_hint(message.headers):
            handle(message, body, ack, reject, callbacks)
            return
        others = [ticket_id for ticket_id in dict.fromkeys(bundle.others(message.headers)) if ticket_id != own]
        qos = message.channel.qos
        kept = others[: qos.spare]

        def acknowledge() -> None:  # in the thread that begins it: the loop would turn once for each
            message.ack_log_error(_log, consumer.connection_errors)

        def release(*_: Any) -> None:
            qos.release()

        qos.wake = wake
        qos.hold(len(kept))
        handed = 0
        try:
            if take is None or not take(message, {own: acknowledge} | dict.fromkeys(kept, release), callbacks):
                handle(message, body, ack, reject, callbacks)
                for ticket_id in kept:
                    handle(_about(message, ticket_id), body, release, release, callbacks)
                    handed += 1
        except Exception:
            qos.let_go(len(kept) - handed)  # what was not handed over is hinted at again
            raise
        _leave_to_others(message, others[len(kept) :])

    return unfold


def _nothing() -> None:
    """What wakes the loop."""


def _leave_to_others(message: Any, tickets: Sequence[str]) -> None:
    """What is more than this worker may hold goes back; if it cannot, it is hinted at again like all that is lost."""
    if not tickets:
        return
    headers, queue, priority = message.headers, message.delivery_info["routing_key"], message.properties["priority"]
    about = headers[hint.HEADER]
    hints = [Hint(ticket, headers["task"], queue, priority, about["tenant"], about["provider"]) for ticket in tickets]
    put_back(platform(), hints)


def _about(message: Any, ticket_id: str) -> Any:
    """The same message, as if it named this ticket alone."""
    other = copy(message)
    other.headers = message.headers | {"id": ticket_id}
    return other
