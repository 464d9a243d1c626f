"""What Stripe's objects mean: payment intents, refunds, customers.

A 200 is not a payment: the status decides. A payment that was refused leaves an intent open that could still be paid;
it is cancelled, and that is proven, before the operation is called declined.
"""

from collections.abc import Callable
from typing import Any

from integrations.stripe.form import at, get, post
from operations.outcome import (
    Absent,
    Accepted,
    Ask,
    Declined,
    Finding,
    Open,
    Outcome,
    Present,
    Settled,
    Succeeded,
    Unclear,
)
from operations.request import Reply, Request, Sent

_OK = 200
REFUSED = 402
_PAGE = 100  # the most that a list gives
_CLOCKS = 120  # seconds by which Stripe's clock and PostgreSQL's may differ

_PAID = {"succeeded", "requires_capture"}
_OPEN = {"requires_payment_method", "requires_confirmation", "requires_action"}

Reader = Callable[[Any], Settled | None]


def payment(found: Any) -> Settled | None:
    """What a payment intent says of a payment; None when it cannot be read."""
    reference, status = _named(found, "payment_intent")
    if reference is None:
        return None
    if status in _PAID:
        return Succeeded(reference, _kept(found, "status", "amount", "currency", "latest_charge"))
    if status == "processing":
        return Accepted(reference, _kept(found, "status", "amount", "currency"))
    if status == "canceled":
        return Declined(_why(found) or "canceled")
    return Open(_why(found) or status, reference) if status in _OPEN else None


def intent(found: Any) -> Settled | None:
    """What a payment intent says of making one: it is there."""
    reference, status = _named(found, "payment_intent")
    if reference is None:
        return None
    return (
        Declined("canceled") if status == "canceled" else Succeeded(reference, _kept(found, "status", "client_secret"))
    )


def capture(found: Any) -> Settled | None:
    """What a payment intent says of its capture; one that still waits for it says nothing yet."""
    reference, status = _named(found, "payment_intent")
    if reference is None:
        return None
    if status == "succeeded":
        return Succeeded(reference, _kept(found, "status", "amount_received", "currency", "latest_charge"))
    if status == "processing":
        return Accepted(reference, _kept(found, "status", "amount", "currency"))
    # The reservation is gone. What is left of the intent belongs to the payment that reserved it: it is not closed here.
    return Declined(_why(found) or status) if status in _OPEN | {"canceled"} else None


def refund(found: Any) -> Settled | None:
    """What a refund says: pending counts as made; it can still fail days later, which an event tells."""
    reference, status = _named(found, "refund")
    if reference is None:
        return None
    if status in {"failed", "canceled"}:
        return Declined(str(found.get("failure_reason") or status))
    if status in {"pending", "requires_action", "succeeded"}:
        return Succeeded(reference, _kept(found, "status", "amount", "currency"))
    return None


def customer(found: Any) -> Settled | None:
    """What a customer says: it is there."""
    reference, _ = _named(found, "customer")
    return None if reference is None else Succeeded(reference)


def outcome(reply: Reply, read: Reader) -> Outcome | None:
    """An answer to a write; None leaves errors, and what cannot be read, to the classification."""
    if reply.status == _OK:
        return read(reply.json())
    error = error_of(reply)
    if reply.status != REFUSED or not error:
        return None
    code = str(error.get("decline_code") or error.get("code") or "card_error")
    return Declined(code, str(error.get("message") or ""), behind_key=True)


def taken(reply: Reply) -> Outcome | None:
    """An answer to a payment. A refusal shows the intent that it left open; one that shows none proves nothing."""
    told = outcome(reply, payment)
    if reply.status != REFUSED or not isinstance(told, Declined):
        return told
    left = payment(error_of(reply).get("payment_intent"))
    if isinstance(left, Open):
        return Open(told.code, left.reference, told.message)
    return told if isinstance(left, Declined) else None


def error_of(reply: Reply) -> dict[str, Any]:
    """The error object of an answer; empty when it has none."""
    body = reply.json()
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def listed(path: str, sent: Sent, **query: Any) -> Request:
    """A list of the time in which it can have happened, newest first: lists show what was written, search lags."""
    query["created[gte]"] = int(sent.first_sent_at.timestamp()) - _CLOCKS
    if sent.effect_until is not None:  # else an old doubt would read through all that came after it
        query["created[lte]"] = int(sent.effect_until.timestamp()) + _CLOCKS
    return get(path, **query, limit=_PAGE)


def find(sent: Sent, reply: Reply, read: Reader, *, asked: Request) -> Finding:
    """Look for our key among what a list shows, or in the one object that was asked for."""
    body = reply.json()
    if reply.status != _OK or not isinstance(body, dict):
        return Unclear(f"status {reply.status}")
    if body.get("object") != "list":
        return _present(sent, body, read) if _mark(body) == sent.key else Unclear("an object that is not ours")
    page = body.get("data")
    if not isinstance(page, list):
        return Unclear("a list without data")
    marks = [_mark(found) for found in page]
    if sent.key in marks:
        return _present(sent, page[marks.index(sent.key)], read)
    if None in marks:
        return Unclear("an object without metadata: it could be ours")
    return _beyond(page, body.get("has_more"), asked)


def captured(sent: Sent, reply: Reply) -> Finding:
    """Whether a payment was captured; it stays `requires_capture` until then, and that is no proof while one may run."""
    body = reply.json()
    reference, status = _named(body, "payment_intent")
    if reply.status != _OK or reference is None:
        return Unclear(f"status {reply.status}")
    if status == "requires_capture":
        return Absent()
    settled = capture(body)
    if settled is None:
        return Unclear(f"payment is {status}")
    wanted = sent.arguments.get("amount")
    if isinstance(settled, Succeeded) and wanted is not None and body.get("amount_received") != wanted:
        return Present(Declined("captured_otherwise"))  # a payment is captured once, and this was not our amount
    return Present(settled)


def cancel(reference: str) -> Request:
    """Close what was left open. Without a key: twice does no harm, and a refusal must not be replayed for a day."""
    return post(f"{at('/v1/payment_intents', reference)}/cancel", {"cancellation_reason": "abandoned"}, key=None)


def _present(sent: Sent, found: Any, read: Reader) -> Finding:
    settled = read(found)
    if settled is None:
        return Unclear("an object that cannot be read")
    if isinstance(settled, Open):
        return Ask(cancel(settled.reference))
    if isinstance(settled, Declined) and sent.declined:
        return Present(Declined(sent.declined, behind_key=True))
    return Present(settled)


def _beyond(page: list[Any], more: Any, asked: Request) -> Finding:
    """Ours is not on this page: absent, if the list says that it ends here."""
    if more is False:
        return Absent()
    last = page[-1].get("id") if page else None
    if more is not True or not isinstance(last, str):
        return Unclear("a list that does not say how it goes on")
    kept = tuple(pair for pair in asked.query if pair[0] != "starting_after")
    return Ask(Request("GET", asked.path, query=(*kept, ("starting_after", last)), headers=asked.headers))


def _mark(found: Any) -> str | None:
    """Our key on an object, empty if it has none; None when that cannot be seen."""
    marks = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(marks, dict):
        return None
    mark = marks.get("lockgate_key", "")
    return mark if isinstance(mark, str) else None


def _named(found: Any, kind: str) -> tuple[str | None, str]:
    """The id and status of an object of the expected kind."""
    if not isinstance(found, dict) or found.get("object") != kind:
        return None, ""
    reference, status = found.get("id"), found.get("status")
    if not isinstance(reference, str) or not reference:
        return None, ""
    return reference, status if isinstance(status, str) else ""


def _why(found: Any) -> str | None:
    last = found.get("last_payment_error")
    if not isinstance(last, dict):
        return None
    code = last.get("decline_code") or last.get("code")
    return None if code is None else str(code)


def _kept(found: Any, *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names if found.get(name) is not None}
