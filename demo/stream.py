"""The application of the demo: asks for operations at a pace, by every door, and logs what it was told."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby, islice
from typing import Any

from celery import chain

from demo.asked import Asked, AskedLog
from demo.intents import Intent
from operations.errors import AcceptBusy, AcceptUnknown, LedgerUnavailable
from tasks.mail import send_email
from tasks.payments import capture_payment, create_customer, refund_payment, start_payment, take_payment

_TICK = 0.25  # seconds
_PLAIN = {"payment": take_payment, "mail": send_email, "customer": create_customer, "intent": start_payment}
_KEYS = {
    "payment": "order:{}:payment", "mail": "mail:{}", "customer": "customer:{}", "intent": "order:{}:intent",
    "reserve and capture": "order:{}:payment", "customer and mail": "customer:{}", "refund": "refund:{}",
}  # fmt: skip
_UNSURE = (AcceptBusy, AcceptUnknown, LedgerUnavailable)
_TWICE = 7  # each so many-th call is made a second time, as a caller does who forgot: the same operation answers
_BATCHED = 0.6  # of the plain operations that come by accept_many
_LOOKS = 3  # payments that are looked at for one to give back
_AGAIN = 0.5  # seconds until a caller who was not told calls again


class Stream(threading.Thread):
    """Asks, until it is ended or nothing is left to ask for.

    Args:
        intents: what is wanted.
        log: where it is written down.
        pace: operations per second.
    """

    def __init__(self, intents: Iterator[Intent], log: AskedLog, *, pace: float) -> None:
        super().__init__(name="demo-stream", daemon=True)
        self._intents = intents
        self._log = log
        self._pace = pace
        self._ended = threading.Event()
        self._refundable: deque[tuple[str, str]] = deque(maxlen=500)
        self.trouble: BaseException | None = None

    def end(self) -> None:
        """Stop asking, once what is being asked has its answer."""
        self._ended.set()

    def run(self) -> None:
        """Keep the pace: what a slow moment missed is caught up with."""
        try:
            began, asked = time.monotonic(), 0
            while not self._ended.wait(_TICK):
                due = int((time.monotonic() - began) * self._pace) - asked
                for intents in _by_door(islice(self._intents, due)):
                    self._ask(intents)
                    asked += len(intents)
        except BaseException as error:  # whoever waits for us must hear why we stopped
            self.trouble = error
            raise

    def _ask(self, intents: list[Intent]) -> None:
        first = intents[0]
        if len(intents) > 1:
            self._insist(intents, "accept_many", lambda: _many(intents))
        elif first.what == "refund":
            self._refund(first)
        elif first.what in _PLAIN:
            self._insist(intents, "delay", lambda: [_one(first)])
        else:
            self._insist(intents, "chain", lambda: [_chain(first)])

    def _refund(self, intent: Intent) -> None:
        """Of a payment that has been taken; while none has, there is nothing to give back."""
        for _ in range(min(_LOOKS, len(self._refundable))):
            ticket, tenant = self._refundable.popleft()
            result = take_payment.AsyncResult(ticket)
            try:
                ready, taken = result.ready(), result.successful()
                told = result.get(timeout=1) if ready and taken else None
            except _UNSURE:
                return
            if told is not None:
                fields = intent.fields | {"payment": told["reference"], "amount": 1, "tenant": tenant}
                ask = partial(_refunded, fields)
                self._insist([replace(intent, tenant=tenant)], "delay", ask)
                return
            if not ready:
                self._refundable.append((ticket, tenant))

    def _insist(self, intents: list[Intent], door: str, ask: Callable[[], list[list[str]]]) -> None:
        """Ask until told; each time that the call raises is a maybe, and asking again with the same key is safe."""
        while True:
            try:
                told = ask()
            except _UNSURE as error:
                self._log.add(*(_maybe(intent, door, error) for intent in intents))
                if self._ended.wait(_AGAIN):
                    return
            else:
                break
        for intent, tickets in zip(intents, told, strict=True):
            self._log.add(*_accepted(intent, tickets, door))
            if intent.what == "payment":
                self._refundable.append((tickets[0], intent.tenant))
        if intents[0].what in _PLAIN and _number(intents[0]) % _TWICE == 0 and door != "again":
            self._insist(intents[:1], "again", lambda: [_one(intents[0])])


def _by_door(intents: Iterator[Intent]) -> list[list[Intent]]:
    """Most plain ones of a kind go in at once; the others one by one."""
    batched: list[Intent] = []
    single: list[Intent] = []
    for intent in intents:
        many = intent.what in _PLAIN and _number(intent) % 10 < _BATCHED * 10
        (batched if many else single).append(intent)
    batched.sort(key=lambda intent: intent.what)
    groups = [list(group) for _, group in groupby(batched, key=lambda intent: intent.what)]
    return [*groups, *([intent] for intent in single)]


def _number(intent: Intent) -> int:
    return int(intent.name.rpartition("-")[2])


def _many(intents: list[Intent]) -> list[list[str]]:
    task: Any = _PLAIN[intents[0].what]
    answers = task.accept_many([intent.fields | {"tenant": intent.tenant} for intent in intents])
    for answer in answers:
        if answer.error is not None:
            raise answer.error
    return [[answer.result.id] for answer in answers]


def _one(intent: Intent) -> list[str]:
    return _tickets(_PLAIN[intent.what].delay(**intent.fields, tenant=intent.tenant))


def _refunded(fields: dict[str, Any]) -> list[list[str]]:
    return [_tickets(refund_payment.delay(**fields))]


def _chain(intent: Intent) -> list[str]:
    tenant = {"tenant": intent.tenant}
    if intent.what == "reserve and capture":
        return _tickets(chain(take_payment.s(**intent.fields, **tenant), capture_payment.s(**tenant)).apply_async())
    return _tickets(chain(create_customer.s(**intent.fields, **tenant), send_email.si(**intent.then, **tenant)).delay())


def _tickets(result: Any) -> list[str]:
    """First step first."""
    return [*(_tickets(result.parent) if result.parent else []), result.id]


_KINDS = {
    "payment": ("stripe.take_payment",), "mail": ("postmark.send_email",), "customer": ("stripe.create_customer",),
    "intent": ("stripe.start_payment",), "refund": ("stripe.refund_payment",),
    "reserve and capture": ("stripe.take_payment", "stripe.capture_payment"),
    "customer and mail": ("stripe.create_customer", "postmark.send_email"),
}  # fmt: skip


def _accepted(intent: Intent, tickets: list[str], door: str) -> list[Asked]:
    entries, before = [], ""
    for kind, ticket in zip(_KINDS[intent.what], tickets, strict=True):
        key = "" if before else _KEYS[intent.what].format(intent.name)
        entries.append(Asked(kind, intent.tenant, key, ticket, "accepted", door, after=before))
        before = ticket
    return entries


def _maybe(intent: Intent, door: str, error: Exception) -> Asked:
    key = _KEYS[intent.what].format(intent.name)
    return Asked(_KINDS[intent.what][0], intent.tenant, key, "", "maybe", door, why=type(error).__name__)
