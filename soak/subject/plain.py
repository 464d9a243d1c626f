"""The sandbox's plain provider, as an application adds one: a thing with a unique reference (N), a ping with nothing (X)."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from config.secret import Secret
from integrations import adapter
from operations.means import Means
from operations.outcome import (
    Absent,
    Declined,
    Effect,
    ErrorClass,
    Failed,
    Finding,
    Outcome,
    Present,
    Succeeded,
    Unclear,
)
from operations.request import Reply, Request, Sent

_MADE, _TAKEN, _FOUND, _MISSING, _CONFLICT = 201, 202, 200, 404, 409


class MakeThing(adapter.Kind):
    """Make one thing; its reference is unique at the provider."""

    name = "plain.make_thing"
    means = Means.UNIQUE
    visible = frozenset({"reference"})

    class Arguments(adapter.Arguments):
        """The reference is ours."""

        reference: str

    def business_key(self, arguments: Arguments) -> str:
        """One thing per reference."""
        return f"thing:{arguments.reference}"

    def request(self, arguments: Arguments, key: str) -> Request:
        """Our key beside the reference, so that a thing that is there can be told for ours."""
        return _post("/things", {"reference": arguments.reference, "lockgate_key": key}, arguments.reference)

    def outcome(self, reply: Reply) -> Outcome | None:
        """A thing with an id was made."""
        made = reply.json()
        if reply.status == _MADE and isinstance(made, dict) and isinstance(made.get("id"), str):
            return Succeeded(made["id"])
        return None

    def inquiry(self, sent: Sent) -> Request:
        """By the reference."""
        return Request("GET", f"/things/{sent.arguments['reference']}")

    def finding(self, sent: Sent, reply: Reply) -> Finding:
        """Ours carries our key."""
        thing = reply.json()
        if reply.status == _MISSING and isinstance(thing, dict) and thing.get("error") == "not_found":
            return Absent()
        if reply.status != _FOUND or not isinstance(thing, dict) or not isinstance(thing.get("id"), str):
            return Unclear(f"status {reply.status}")
        return Present(Succeeded(thing["id"]) if thing.get("lockgate_key") == sent.key else Declined("taken"))


class SendPing(adapter.Kind):
    """Send a ping, which nobody can look up."""

    name = "plain.send_ping"
    means = Means.NOTHING
    visible = frozenset({"to"})

    class Arguments(adapter.Arguments):
        """One ping per addressee."""

        to: str

    def business_key(self, arguments: Arguments) -> str:
        """One ping per addressee."""
        return f"ping:{arguments.to}"

    def request(self, arguments: Arguments, key: str) -> Request:
        """Our key is for the journal only; the provider does nothing with it."""
        return _post("/pings", {"to": arguments.to, "lockgate_key": key}, arguments.to)

    def outcome(self, reply: Reply) -> Outcome | None:
        """Taken; the provider gives no name for it."""
        said = reply.json()
        taken = isinstance(said, dict) and said.get("accepted") is True
        return Succeeded() if reply.status == _TAKEN and taken else None


class Plain(adapter.Adapter):
    """The plain provider."""

    name = "plain"
    kinds: ClassVar[tuple[type[adapter.Kind], ...]] = (MakeThing, SendPing)
    credentials = ("token",)
    evidence = frozenset({"id", "reference", "status", "error", "accepted"})

    def authenticate(self, credentials: Mapping[str, Secret]) -> Mapping[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {credentials['token'].reveal()}"}

    def classify(self, reply: Reply) -> Failed | None:
        """A reference that is there may be ours or another's: asking tells."""
        return Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "exists") if reply.status == _CONFLICT else None

    def account_request(self) -> Request:
        """`GET /me`."""
        return Request("GET", "/me")

    def account(self, reply: Reply) -> str | None:
        """Its account."""
        found = reply.json()
        named = found.get("account") if isinstance(found, dict) else None
        return named if isinstance(named, str) else None


def _post(path: str, wish: dict[str, Any], name: str) -> Request:
    body = json.dumps(wish | {"metadata": {"order_id": name, "lockgate_key": wish["lockgate_key"]}})
    return Request("POST", path, headers={"Content-Type": "application/json"}, body=body.encode())


ADAPTER = Plain()
