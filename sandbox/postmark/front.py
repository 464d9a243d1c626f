"""Postmark's front: headers, credentials, routing."""

import json
from collections.abc import Callable

from sandbox.effects import OUR_KEY
from sandbox.journal import Journal, Json
from sandbox.names import Names
from sandbox.postmark.emails import Emails
from sandbox.postmark.errors import trouble
from sandbox.postmark.outbound import Outbound
from sandbox.postmark.post import Post
from sandbox.provider import Call, Done, Manner, RefusedError, Work, carried_out
from sandbox.settings import Settings
from sandbox.wire.answer import JSON_TYPE, Answer, in_json
from sandbox.wire.request import Request
from sandbox.wire.routes import Routes

Endpoint = Callable[[Call], Work]
WRONG = ("", "bad")
ID_PLACE = 3


class Postmark:
    """The stand-in for api.postmarkapp.com."""

    name = "postmark"

    def __init__(self, journal: Journal, names: Names, settings: Settings) -> None:
        self._journal = journal
        self._post = Post(journal)
        emails, outbound = Emails(names, journal.clock), Outbound(self._post, settings, journal.clock)
        self._routes = Routes[Endpoint](
            [
                ("POST", "/email", emails.send),
                ("GET", "/messages/outbound", outbound.search),
                ("GET", "/messages/outbound/{id}/details", outbound.details),
                ("GET", "/server", _server),
            ]
        )

    def token(self, request: Request) -> str:
        """Return the server token."""
        return request.header("x-postmark-server-token")

    def business(self, request: Request) -> str | None:
        """Return our key: from the metadata sent or asked for, else from the message that the path names."""
        if request.method == "POST":
            return _ours(request.body)
        if asked := request.asked().get(f"metadata_{OUR_KEY}"):
            return asked
        parts = request.path.split("/")
        message = self._post.get(parts[ID_PLACE]) if len(parts) > ID_PLACE else None
        return message.business if message else None

    async def answer(self, call: Call, manner: Manner) -> Answer:
        """Answer as Postmark does: every success is a 200, and no request is ever recognised again."""
        try:
            return await carried_out(self._prepared(call), manner, self._journal)
        except RefusedError as refused:
            await manner.pause()
            return refused.answer

    def complain(self, kind: str, call: Call, **facts: object) -> Answer:  # noqa: ARG002 - not every provider needs the call
        """Return a trouble in Postmark's envelope."""
        return trouble(kind, **facts)

    def _prepared(self, call: Call) -> Work:
        request = call.request
        if self.token(request) in WRONG:
            raise RefusedError(trouble("unknown"))
        typed = request.method == "GET" or JSON_TYPE in request.header("content-type")
        if not typed or JSON_TYPE not in request.header("accept"):
            raise RefusedError(trouble("headers"))
        found = self._routes.find(request.method, request.path)
        if found is None:
            raise RefusedError(trouble("unrouted"))
        endpoint, names = found
        return endpoint(call.named(names))


def _server(call: Call) -> Work:
    about: Json = {
        "ID": int.from_bytes(call.account.encode()[-3:], "big"),
        "Name": call.account,
        "ApiTokens": [],
        "Color": "blue",
        "SmtpApiActivated": True,
        "RawEmailEnabled": False,
        "DeliveryType": "Live",
        "TrackOpens": False,
        "TrackLinks": "None",
    }
    return lambda: Done(in_json(200, about))


def _ours(body: bytes) -> str | None:
    try:
        sent = json.loads(body)["Metadata"][OUR_KEY]
    except (ValueError, KeyError, TypeError):
        return None
    return str(sent)
