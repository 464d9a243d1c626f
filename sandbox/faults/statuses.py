"""Faults that are whole answers with the wrong status (F08 to F12, F19 to F22)."""

from dataclasses import replace
from email.utils import formatdate

from sandbox.exchange import Exchange
from sandbox.faults.fault import Lie
from sandbox.provider import Done, Work
from sandbox.wire.answer import Answer, Headers, page

REDIRECTED = 307
GATEWAY = {
    "502": (502, "502 Bad Gateway"),
    "503": (503, "503 Service Unavailable"),
    "504": (504, "504 Gateway Time-out"),
}
ELSEWHERE = "http://169.254.169.254/latest/meta-data/"

RETRY_AFTER = {
    "seconds": ("3",),
    "date": ("+3",),
    "past": ("-60",),
    "negative": ("-1",),
    "zero": ("0",),
    "huge": ("1e9",),
    "text": ("abc",),
    "absent": (),
    "two": ("3", "7"),
    "digits": ("9" * 20,),
}
DATED = ("date", "past")


async def fail(exchange: Exchange, lie: Lie) -> None:
    """F08 and F09: a 500 from inside, before or after the commit; where keys are kept, it is kept under the key."""
    failed = exchange.provider.complain("internal", exchange.call)

    def twist(work: Work) -> Work:
        return lambda: Done(failed, work().events if lie.after else ())

    await _say(exchange, lie, await exchange.perform(twist=twist))


async def fail_outside(exchange: Exchange, lie: Lie) -> None:
    """F10: a gateway in front of the provider fails, with the request not yet or already handed on."""
    if lie.after:
        await exchange.perform()
    await _say(exchange, lie, page(*GATEWAY[lie.form or "502"]))


async def limit(exchange: Exchange, lie: Lie) -> None:
    """F11: a 429 with every kind of Retry-After there is."""
    said = exchange.provider.complain("limited", exchange.call, limit="rate", scope="provider")
    kept = tuple((name, value) for name, value in said.headers if name.lower() != "retry-after")
    # Not marked as limited: that word in the journal is for calls that were really over a limit.
    waits = _retry_after(lie, now=exchange.house.journal.clock.wall())
    await _say(exchange, lie, replace(said, headers=(*kept, *waits), limited=False))


async def limit_all(exchange: Exchange, lie: Lie) -> None:
    """F12: from now on every call of this tenant gets a 429, whatever its pace, for a while."""
    storm = {"provider": exchange.provider.name, "mode": "429", "tenant": exchange.call.tenant}
    exchange.house.command("/outage", storm | {"seconds": lie.seconds(2.0)})
    await limit(exchange, replace(lie, form="absent"))


async def reject(exchange: Exchange, lie: Lie) -> None:
    """F19: the credential is not taken."""
    if lie.form == "html":
        await _say(exchange, lie, page(401, "Please log in"))
        return
    kind = "forbidden" if lie.form == "scope" else lie.form or "expired"
    await _say(exchange, lie, exchange.provider.complain(kind, exchange.call))


async def conflict(exchange: Exchange, lie: Lie) -> None:
    """F20: a 409 in one of its four meanings; `exists` is said of what this very request has made."""
    form = lie.form or "in_progress"
    reference = None
    if lie.after or form == "exists":
        made = await exchange.perform()
        reference = reference_in(made)
    await _say(exchange, lie, exchange.provider.complain(form, exchange.call, reference=reference))


async def refuse_for_good(exchange: Exchange, lie: Lie) -> None:
    """F21: a permanent refusal; where keys are kept, it is kept under the key."""
    refused = exchange.provider.complain("invalid", exchange.call)
    await _say(exchange, lie, await exchange.perform(twist=lambda _: lambda: Done(refused)))


async def redirect(exchange: Exchange, lie: Lie) -> None:
    """F22: a redirect to somewhere else."""
    location = str(lie.params.get("location", ELSEWHERE))
    await _say(exchange, lie, Answer(lie.number("status", REDIRECTED), b"", (("Location", location),)))


def reference_in(answer: Answer) -> str | None:
    """Return what the provider calls the thing that an answer is about."""
    value = answer.json()
    return value.get("id") or value.get("MessageID") if isinstance(value, dict) else None


async def _say(exchange: Exchange, lie: Lie, answer: Answer) -> None:
    more = tuple((str(name), str(value)) for name, value in lie.params.get("headers", {}).items())
    await exchange.send(replace(answer, headers=(*answer.headers, *more)))


def _retry_after(lie: Lie, *, now: float) -> Headers:
    given = lie.params.get("retry_after")
    if given is not None:
        values = tuple(str(value) for value in (given if isinstance(given, list) else [given]))
    else:
        values = RETRY_AFTER[lie.form or "seconds"]
    if lie.form in DATED:
        values = tuple(formatdate(now + float(value), usegmt=True) for value in values)
    return tuple(("Retry-After", value) for value in values)
