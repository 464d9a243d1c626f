"""What a provider's answer, or silence, would lead to now: by the code that judges it, not by a second table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, assert_never

from pydantic import BaseModel

from config.errors import ConfigError, did_you_mean
from config.units import seconds
from integrations import call, classify
from integrations.registry import BoundKind, Provider
from operations.means import Means
from operations.operation import Purpose, Standing
from operations.outcome import Accepted, Effect, Failed, Open, Outcome, Succeeded
from operations.request import Reply, Request, Silence
from operations.states import Reason
from resilience import decide as deciding
from resilience.decide import Around, Await, Confirm, Decision, Park, Retry, Settle

_WRITE = Request("POST", "/")
_READ = Request("GET", "/")
_GENERAL = "integrations/classify.py"
_NOTHING_SAID = "{}"

#: Ways in which no answer comes, under the names that people use and under ours.
SILENCES: Mapping[str, Silence] = {
    "dns": Silence(sent=False, code="dns", down=False),
    "refused": Silence(sent=False, code="connect_refused"),
    "connect_timeout": Silence(sent=False, code="connect_timeout"),
    "tls": Silence(sent=False, code="tls"),
    "timeout": Silence(sent=True, code="read_timeout"),
    "total_timeout": Silence(sent=True, code="total_timeout"),
    "reset": Silence(sent=True, code="connection_lost"),
    "too_large": Silence(sent=True, code="too_large", down=False),
    "unreadable": Silence(sent=True, code="unreadable", down=False),
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the provider's file that has a say.

    Attributes:
        written: whether the file says it; else its default holds.
    """

    name: str
    value: Any
    unit: str
    written: bool


@dataclass(frozen=True, slots=True)
class Course:
    """What happens to one kind.

    Attributes:
        heard: the outcome's name.
        judge: where it is said that it means that.
        first: what follows a first attempt that meets it.
        last: what follows the last one.
        keys: what in the file decides it.
    """

    kind: str
    means: str
    judge: str
    heard: str
    error_class: str | None
    effect: str
    first: str
    last: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would happen now.

    Attributes:
        body: what is taken to stand beside the status; None for a silence.
        read: what a question (a GET) that meets it leads to.
        down: whether it counts for the breaker.
    """

    provider: str
    file: str
    status: str
    body: str | None
    down: bool
    read: str
    courses: tuple[Course, ...]
    breaker: tuple[Key, ...]


def explain(provider: Provider, kinds: list[BoundKind], status: str, *, body: str | None = None) -> Explanation:
    """Explain what a status, or a silence by name, leads to.

    Args:
        provider: who answers so.
        kinds: whose operations meet it.
        status: an HTTP status, or one of `SILENCES`.
        body: what the answer says beside its status; by default what it always says, or an empty object.

    Raises:
        ConfigError: it is neither a status nor a silence.
    """
    heard = _heard(provider, status, body)
    failed = classify.of_silence(heard, _WRITE) if isinstance(heard, Silence) else call.failure(provider, heard)
    return Explanation(
        provider=provider.name,
        file=provider.path,
        status=status,
        body=heard.body.decode() if isinstance(heard, Reply) else None,
        down=failed.down,
        read=_read(heard, failed),
        courses=tuple(_course(bound, heard) for bound in kinds),
        breaker=tuple(_breaker_keys(provider)) if failed.down else (),
    )


def _heard(provider: Provider, status: str, body: str | None) -> Reply | Silence:
    name = status.strip().lower()
    codes = {silence.code: silence for silence in SILENCES.values()}
    if name in SILENCES or name in codes:
        return SILENCES.get(name) or codes[name]
    if name.isascii() and name.isdigit() and 100 <= int(name) <= 599:  # noqa: PLR2004  what HTTP knows
        said = provider.adapter.beside.get(int(name), _NOTHING_SAID) if body is None else body
        return Reply(int(name), {"content-type": "application/json"}, said.encode())
    known = [*SILENCES, *codes]
    raise ConfigError(f"{status} is neither an HTTP status nor one of {', '.join(SILENCES)}{did_you_mean(name, known)}")


def _judge(bound: BoundKind, heard: Reply | Silence) -> str:
    """Where it is said what the answer means; the order is that of `integrations.call.outcome`."""
    if isinstance(heard, Silence):
        return f"the general rules ({_GENERAL})"
    provider, kind = bound.provider, type(bound.kind)
    if bound.kind.outcome(heard) is not None:
        return f"{kind.__module__}.{kind.__name__}"
    if heard.status in provider.profile.refusals:
        return f"refusals in {provider.path}"
    if provider.adapter.classify(heard) is not None:
        return f"{provider.file.adapter}, after what {provider.name} documents"
    if heard.status in classify.BROKEN:
        return f"the general rules ({_GENERAL}); `refusals` in {provider.path} may name a 5xx that does nothing"
    return f"the general rules ({_GENERAL})"


def _read(heard: Reply | Silence, failed: Failed) -> str:
    if isinstance(heard, Reply) and heard.status == 200:  # noqa: PLR2004  read by the kind
        return "a question is answered by what stands in it"
    if isinstance(heard, Silence):
        failed = classify.of_silence(heard, _READ)
    return f"a question that meets it ({failed.error_class}) proves nothing, and is asked again"


def _course(bound: BoundKind, heard: Reply | Silence) -> Course:
    said = call.outcome(bound, _WRITE, heard)
    attempts = bound.policy.attempts
    first, last = (_decided(bound, said, failures) for failures in (0, attempts - 1))
    return Course(
        kind=bound.name,
        means=bound.assurance.means,
        judge=_judge(bound, heard),
        heard=type(said).__name__.lower(),
        error_class=said.error_class if isinstance(said, Failed) else None,
        effect=_effect(said),
        first=_told(first, bound),
        last=_told(last, bound),
        keys=tuple(_keys(bound, said, (first, last))),
    )


def _decided(bound: BoundKind, said: Outcome, failures: int) -> Decision:
    standing = Standing(Purpose.SEND, bound.assurance, failures=failures)
    return deciding.decide(standing, said, Around(bound.policy, _Whole()))


class _Whole(Random):
    """No jitter: the longest that a wait can be."""

    def uniform(self, a: float, b: float) -> float:
        """The upper end."""
        return max(a, b)


def _effect(said: Outcome) -> str:
    match said:
        case Failed(effect=effect):
            return effect
        case Succeeded():
            return Effect.DONE
        case Accepted() | Open():
            return Effect.UNKNOWN
        case _:
            return Effect.NONE


def _told(decision: Decision, bound: BoundKind) -> str:  # noqa: PLR0911  one sentence for each way to go on
    match decision:
        case Settle(state=state, code=code):
            return f"it ends: {state}{f' ({code})' if code else ''}"
        case Await():
            return "accepted: the answer is awaited"
        case Retry(reason=Reason.CONNECTION):
            return "no attempt is used up: this tenant's work is paused until its credentials are changed"
        case Retry(reason=Reason.RATE, delay=delay):
            return f"no attempt is used up: sent again after Retry-After, or {delay:g} s where it says none"
        case Retry(reason=Reason.EXHAUSTED):
            return (
                "if the breaker opened meanwhile, it waits and is tried once more; else a dead letter, or asked first"
            )
        case Retry(delay=delay, effect=effect):
            key = " under the same key" if effect is Effect.UNKNOWN else ""
            return f"sent again{key} after {delay / 2:g} to {delay:g} s, attempt 2 of {bound.policy.attempts}"
        case Confirm(declined=code) if code is not None:
            return f"what it left open at {bound.provider.name} is closed there, then it ends: declined ({code})"
        case Confirm(delay=delay):
            return f"{bound.provider.name} is asked first, after {delay:g} s; sent again only when it is proven absent"
        case Park(reason=reason, effect=effect):
            return f"dead letter ({reason}), effect {effect}"
        case _:  # pragma: no cover
            assert_never(decision)


def _keys(bound: BoundKind, said: Outcome, decisions: tuple[Decision, ...]) -> Iterator[Key]:
    file, section = bound.provider.file, bound.section
    table = f"kinds.{bound.name.partition('.')[2]}"
    if isinstance(said, Failed | Open):
        yield _key(table, section, "means")
    if any(isinstance(decision, Retry) for decision in decisions):
        yield _delays(bound, table)
        yield _key("retry", file.retry, "ceiling")
    if any(isinstance(decision, Confirm) for decision in decisions):
        yield _key(table, section, "settle")
    if isinstance(said, Failed) and said.effect is Effect.UNKNOWN and bound.assurance.means is Means.KEY:
        yield _key(table, section, "kept_for")
    if isinstance(said, Failed):
        own = section.give_up_after is not None
        yield _key(table, section, "give_up_after") if own else _key("retry", file.retry, "give_up_after")


def _delays(bound: BoundKind, table: str) -> Key:
    if bound.section.delays is not None:
        return _key(table, bound.section, "delays")
    return _key("retry", bound.provider.file.retry, "delays")


def _breaker_keys(provider: Provider) -> Iterator[Key]:
    for name in ("mode", "consecutive", "rate", "min_calls", "window", "open_for", "open_for_max"):
        yield _key("breaker", provider.file.breaker, name)


def _key(table: str, section: BaseModel, name: str) -> Key:
    value, marks = getattr(section, name), type(section).model_fields[name].metadata
    timed = isinstance(value, tuple) or any(getattr(mark, "func", None) is seconds for mark in marks)
    return Key(f"{table}.{name}", value, "s" if timed else "", name in section.model_fields_set)
