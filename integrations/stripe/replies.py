"""What Stripe's objects mean: payment intents, refunds, customers.

A 200 is not a payment: the status decides. A payment that was refused leaves an intent open that could still be paid;
it is cancelled, and that is proven, before the operation is called declined.
"""

from collections.abc import Callable
from typing import Any

from integrations.stripe.form import get, post
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
_REFUSED = 402
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
    return Open(_why(found) or str(status), reference) if status in _OPEN else None


def intent(found: Any) -> Settled | None:
    """What a payment intent says of making one: it is there."""
    reference, status = _named(found, "payment_intent")
    if reference is None:
        return None
    return (
        Declined("canceled") if status == "canceled" else Succeeded(reference, _kept(found, "status", "client_secret"))
    )


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
    body = reply.json()
    if reply.status == _OK:
        return read(body)
    if reply.status != _REFUSED or not isinstance(body, dict):
        return None
    error = body.get("error") or {}
    code = str(error.get("decline_code") or error.get("code") or "card_error")
    left = error.get("payment_intent")
    if isinstance(left, dict) and left.get("status") in _OPEN and left.get("id"):
        return Open(code, str(left["id"]), str(error.get("message") or ""))
    return Declined(code, str(error.get("message") or ""), behind_key=True)


def listed(path: str, sent: Sent, **query: Any) -> Request:
    """A list from shortly before the first send on, newest first: lists show what was written, search lags."""
    return get(path, **query, limit=_PAGE, **{"created[gte]": int(sent.first_sent_at.timestamp()) - _CLOCKS})


def find(sent: Sent, reply: Reply, read: Reader, *, asked: Request) -> Finding:
    """Look for our key among what a list shows, or in the one object that was asked for."""
    body = reply.json()
    if reply.status != _OK or not isinstance(body, dict):
        return Unclear(f"status {reply.status}")
    if body.get("object") != "list":
        return _present(sent, body, read)
    page = body.get("data")
    if not isinstance(page, list):
        return Unclear("a list without data")
    for found in page:
        if isinstance(found, dict) and (found.get("metadata") or {}).get("lockgate_key") == sent.key:
            return _present(sent, found, read)
    if body.get("has_more") and page:
        return Ask(_next_page(asked, str(page[-1].get("id"))))
    return Absent()


def captured(sent: Sent, reply: Reply) -> Finding:
    """Whether a payment was captured; it stays `requires_capture` until then, and that is no proof while one may run."""
    body = reply.json()
    reference, status = _named(body, "payment_intent")
    if reply.status != _OK or reference is None:
        return Unclear(f"status {reply.status}")
    if status == "requires_capture":
        return Absent()
    settled = payment(body)
    del sent
    return Present(settled) if isinstance(settled, Succeeded | Accepted | Declined) else Unclear(f"payment is {status}")


def _present(sent: Sent, found: Any, read: Reader) -> Finding:
    settled = read(found)
    if settled is None:
        return Unclear("an object that cannot be read")
    if isinstance(settled, Open):
        return Ask(cancel(settled.reference, sent.key))
    if isinstance(settled, Declined) and sent.declined:
        return Present(Declined(sent.declined, behind_key=True))
    return Present(settled)


def cancel(reference: str, key: str) -> Request:
    """Close what was left open. It does no harm twice: a second time it is refused, and the next look shows why."""
    return post(f"/v1/payment_intents/{reference}/cancel", {"cancellation_reason": "abandoned"}, key=f"{key}-cancel")


def _next_page(asked: Request, last: str) -> Request:
    kept = tuple(pair for pair in asked.query if pair[0] != "starting_after")
    return Request("GET", asked.path, query=(*kept, ("starting_after", last)), headers=asked.headers)


def _named(found: Any, kind: str) -> tuple[str | None, Any]:
    """The id and status of an object of the expected kind."""
    if not isinstance(found, dict) or found.get("object") != kind or not isinstance(found.get("id"), str):
        return None, None
    return found["id"], found.get("status")


def _why(found: Any) -> str | None:
    last = found.get("last_payment_error")
    if not isinstance(last, dict):
        return None
    return last.get("decline_code") or last.get("code")


def _kept(found: Any, *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names if found.get(name) is not None}
