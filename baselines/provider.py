"""The calls to the providers, as one writes them with requests: time limits, errors raised, answers read."""

import os
from typing import Any

import requests

#: What is worth another try: no connection, no answer in time or none that can be read, and the server's own errors.
WORTH_ANOTHER_TRY = (requests.RequestException, ValueError, KeyError)
_TIME_LIMITS = (1.0, 1.5)  # seconds to connect and to read; a tenth of the usual ones, like all times of the soak
_INACTIVE = "406"  # Postmark's code for an address that takes no mail
_LATER, _TOO_MANY, _SERVER = 408, 429, 500


class RefusedError(Exception):
    """The provider said no, and would say no again; the message is its code."""


class DeclinedError(RefusedError):
    """It said no to the customer's card or address, not to our request."""


def send(name: str, tenant: str, kind: str, fields: dict[str, Any], *, key: str) -> str | None:
    """Carry one order out.

    Returns:
        The provider's own name for it.

    Raises:
        RefusedError: trying again is of no use.
        requests.RequestException: it is, or nobody knows; so with the others of WORTH_ANOTHER_TRY.
    """
    # The sandbox tells the tries of one order by `lockgate_key`, so that every subject of the soak meets the same faults.
    tags = {"order_id": name, "lockgate_key": name}
    provider = kind.partition(".")[0]
    match provider:
        case "stripe":
            reply = _stripe(kind, fields, tags, token=_token(provider, tenant), key=key)
        case "postmark":
            reply = _postmark(fields, tags, token=_token(provider, tenant))
        case _:
            reply = _plain(kind, fields, tags, token=_token(provider, tenant))
    return _read(kind, reply)


def _stripe(kind: str, fields: dict[str, Any], tags: dict[str, str], *, token: str, key: str) -> requests.Response:
    form: dict[str, Any] = {f"metadata[{name}]": value for name, value in tags.items()}
    path = "/v1/payment_intents"
    if kind == "stripe.create_customer":
        path = "/v1/customers"
        form |= {"email": fields["email"], "name": fields["name"]}
    else:
        form |= {"amount": fields["amount"], "currency": fields["currency"]}
    if kind == "stripe.take_payment":
        form |= {"customer": fields["customer"], "payment_method": fields["payment_method"], "confirm": "true"}
        form |= {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    return requests.post(f"{os.environ['SOAK_STRIPE_URL']}{path}", data=form, headers=headers, timeout=_TIME_LIMITS)


def _postmark(fields: dict[str, Any], tags: dict[str, str], *, token: str) -> requests.Response:
    body = {
        "From": fields["sender"], "To": fields["to"], "Subject": fields["subject"], "TextBody": fields["text"],
        "Metadata": tags,
    }  # fmt: skip
    headers = {"X-Postmark-Server-Token": token, "Accept": "application/json"}
    return requests.post(f"{os.environ['SOAK_POSTMARK_URL']}/email", json=body, headers=headers, timeout=_TIME_LIMITS)


def _plain(kind: str, fields: dict[str, Any], tags: dict[str, str], *, token: str) -> requests.Response:
    path = "/things" if kind == "plain.make_thing" else "/pings"
    body = fields | {"lockgate_key": tags["lockgate_key"], "metadata": tags}
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{os.environ['SOAK_PLAIN_URL']}{path}", json=body, headers=headers, timeout=_TIME_LIMITS)


def _read(kind: str, reply: requests.Response) -> str | None:
    status = reply.status_code
    if status == requests.codes.conflict and _code(reply.json()) == "exists":
        return None  # it is there already, from an earlier try of ours
    if status in {_LATER, _TOO_MANY, requests.codes.conflict} or status >= _SERVER:
        reply.raise_for_status()
    said = reply.json()
    if status >= requests.codes.bad_request:
        code = _code(said)
        raise (
            DeclinedError(code)
            if status == requests.codes.payment_required or code == _INACTIVE
            else RefusedError(code)
        )
    if status >= requests.codes.multiple_choices:
        raise RefusedError(f"redirected with {status}")
    if kind == "stripe.take_payment" and said["status"] not in {"succeeded", "processing"}:
        raise DeclinedError(said["status"])
    if kind == "postmark.send_email":
        return _mail(said)
    if kind == "plain.send_ping":
        if said["accepted"] is not True:
            raise ValueError(f"it was not accepted: {said}")
        return None
    return str(said["id"])


def _mail(said: dict[str, Any]) -> str:
    if said["ErrorCode"]:
        raise DeclinedError(_INACTIVE) if str(said["ErrorCode"]) == _INACTIVE else RefusedError(str(said["ErrorCode"]))
    return str(said["MessageID"])


def _code(said: Any) -> str:
    error = said.get("error") if isinstance(said, dict) else None
    if isinstance(error, dict):
        return str(error.get("code") or error.get("type"))
    return str(said.get("ErrorCode", error)) if isinstance(said, dict) else "unreadable"


def _token(provider: str, tenant: str) -> str:
    return f"soak-{provider}-{tenant}"
