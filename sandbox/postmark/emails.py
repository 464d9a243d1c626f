"""Sending one e-mail."""

import json
from email.utils import getaddresses
from functools import partial
from typing import NoReturn

from sandbox.clock import Clock
from sandbox.effects import effect
from sandbox.journal import Json
from sandbox.names import Names
from sandbox.postmark.errors import BAD_FIELDS, BAD_JSON, INACTIVE, INVALID, problem
from sandbox.postmark.message import Message, dated
from sandbox.provider import Call, Done, RefusedError, Work
from sandbox.wire.answer import in_json

INACTIVE_DOMAIN = "@inactive.example"
TEST_TOKEN = "POSTMARK_API_TEST"  # noqa: S105 - Postmark's published test token opens nothing
MOST_RECIPIENTS = 50
MOST_METADATA, LONGEST_NAME, LONGEST_VALUE = 10, 20, 80
TEXTS = {"From": "sender", "To": "to", "Subject": "subject", "TextBody": "text", "HtmlBody": "html", "Tag": "tag"}


class Emails:
    """The endpoint `/email`."""

    def __init__(self, names: Names, clock: Clock) -> None:
        self._names = names
        self._clock = clock

    def send(self, call: Call) -> Work:
        """Accept an e-mail."""
        mail = _read(call.request.body)
        _check(mail)
        return partial(self._send, call, mail)

    def _send(self, call: Call, mail: Json) -> Done:
        texts: dict[str, str] = {ours: mail.get(theirs) or "" for theirs, ours in TEXTS.items()}
        message = Message(
            id=self._names.unique(),
            account=call.account,
            made_at=self._clock.wall(),
            stream=mail.get("MessageStream") or "outbound",
            metadata=mail.get("Metadata") or {},
            **texts,
        )
        told = {"To": message.to, "SubmittedAt": dated(message.made_at), "MessageID": message.id, "ErrorCode": 0}
        if call.request.header("x-postmark-server-token") == TEST_TOKEN:
            return Done(in_json(200, told | {"Message": "Test job accepted"}))
        put = {"event": "object", "provider": "postmark", "kind": "message", "facts": message.facts()}
        sent = effect("email", provider="postmark", reference=message.id, tenant=call.tenant, metadata=message.metadata)
        return Done(in_json(200, told | {"Message": "OK"}), (put, sent))


def _read(body: bytes) -> Json:
    try:
        mail = json.loads(body)
    except ValueError:
        _refuse(BAD_JSON, "Invalid JSON.")
    if not isinstance(mail, dict):
        _refuse(BAD_JSON, "Invalid JSON.")
    return mail


def _check(mail: Json) -> None:
    for name in (*TEXTS, "MessageStream"):
        if not isinstance(mail.get(name, ""), str | None):
            _refuse(BAD_FIELDS, f"Invalid field: {name}.")
    for name in ("From", "To"):
        if "@" not in (mail.get(name) or ""):
            _refuse(INVALID, f"Invalid '{name}' address.")
    if not (mail.get("TextBody") or mail.get("HtmlBody")):
        _refuse(INVALID, "Provide either email TextBody or HtmlBody or both.")
    recipients = [address for _, address in getaddresses([mail["To"]])]
    if len(recipients) > MOST_RECIPIENTS:
        _refuse(INVALID, f"You can send to up to {MOST_RECIPIENTS} recipients.")
    _check_metadata(mail.get("Metadata") or {})
    inactive = [address for address in recipients if address.endswith(INACTIVE_DOMAIN)]
    if inactive:
        _refuse(INACTIVE, f"You tried to send to recipients that are inactive: {', '.join(inactive)}.")


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        _refuse(BAD_FIELDS, "Invalid field: Metadata.")
    if len(metadata) > MOST_METADATA:
        _refuse(INVALID, f"Metadata can have up to {MOST_METADATA} keys.")
    for name, value in metadata.items():
        if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
            _refuse(INVALID, f"Metadata is too long: {name}.")


def _refuse(code: int, message: str) -> NoReturn:
    raise RefusedError(problem(422, code, message))
