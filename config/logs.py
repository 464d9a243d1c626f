"""What a process writes to its log: fields that are on a list, and no secret in any of them.

Every line goes through one handler. Fields that are not listed are dropped, what is left is redacted (tracebacks too: those
of urllib3 and requests contain whole URLs), and only then is it written, as text for people or as one JSON object a line.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import WatchedFileHandler
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter

from config.redact import MASK, redactor

#: Everything that a line may say. Names of operations and references are ours to show; arguments and bodies are not.
FIELDS = (
    "timestamp", "level", "logger", "event", "tenant", "provider", "kind", "operation", "ticket", "attempt", "purpose",
    "sent", "outcome", "error_class", "effect", "status", "code", "reference", "decision", "elapsed", "exception", "stack",
)  # fmt: skip
_FIRST = ("timestamp", "level", "logger", "event")
_LAST = ("exception", "stack")
_MARK = "\x1e"
_BETWEEN = f"\n\n{_MARK}\n\n"  # an empty line ends the longest of what is masked, and white space all the others

Event = MutableMapping[str, Any]
_names: ContextVar[dict[str, object] | None] = ContextVar("lockgate_names", default=None)


def set_up(form: str, secrets: Iterable[str], *, level: int = logging.INFO, file: str | None = None) -> None:
    """Let everything that this process logs go through one handler.

    Args:
        form: plain or json.
        secrets: what is masked wherever it stands.
        level: of the root logger.
        file: where to; standard error when None.
    """
    handler = logging.StreamHandler(sys.__stderr__) if file is None else WatchedFileHandler(file, encoding="utf-8")
    handler.setFormatter(formatter(form, secrets))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    structlog.configure(
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        processors=[ProcessorFormatter.wrap_for_formatter],
        cache_logger_on_first_use=False,
    )


def formatter(form: str, secrets: Iterable[str]) -> logging.Formatter:
    """The formatter of that handler; see `set_up`."""
    return ProcessorFormatter(
        foreign_pre_chain=[_without_return_value],
        processors=[
            _named,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _listed,
            _redacted(redactor(secrets)),
            structlog.processors.JSONRenderer(ensure_ascii=False) if form == "json" else _plain,
        ],
    )


@contextmanager
def about(*, tenant: str, provider: str, kind: str, operation: object, ticket: str, attempt: int) -> Iterator[None]:
    """Name the operation at hand in every line that this thread logs meanwhile, whoever logs it."""
    names = {
        "tenant": tenant, "provider": provider, "kind": kind, "operation": operation, "ticket": ticket, "attempt": attempt,
    }  # fmt: skip
    token = _names.set(names)  # written out only when a line is: most attempts of a quiet log have none
    try:
        yield
    finally:
        _names.reset(token)


def _named(_logger: Any, _method: str, event: Event) -> Event:
    return {**(_names.get() or {}), **event}


def _without_return_value(_logger: Any, _method: str, event: Event) -> Event:
    """Celery logs what a task returned, which may be anybody's."""
    record = event.get("_record")
    if record is not None and isinstance(record.args, dict) and "return_value" in record.args:
        event["event"] = record.msg % {**record.args, "return_value": MASK}
    return event


def _listed(_logger: Any, _method: str, event: Event) -> Event:
    """The fields on the list, in its order; the event's text is its own."""
    return {name: event[name] for name in FIELDS if event.get(name) is not None}


def _redacted(redact: Callable[[str], str]) -> Callable[[Any, str, Event], Event]:
    """All texts of a line at once: looking for every shape in each of fifteen takes five times as long."""

    def mask(_logger: Any, _method: str, event: Event) -> Event:
        texts = {name: str(value) for name, value in event.items() if not isinstance(value, (int, float))}
        masked: list[str] = []
        if not any(_MARK in text for text in texts.values()):
            masked = redact(_BETWEEN.join(texts.values())).split(_BETWEEN)
        if len(masked) != len(texts):  # also where a secret ended with the beginning of what stands between them
            masked = [redact(text) for text in texts.values()]
        return {**event, **dict(zip(texts, masked, strict=True))}

    return mask


def _plain(_logger: Any, _method: str, event: Event) -> str:
    """One line for people; what follows a line break is indented, so that no text can pass for a line of its own."""
    fields = " ".join(f"{name}={_shown(value)}" for name, value in event.items() if name not in {*_FIRST, *_LAST})
    head = f"{event['timestamp']} {event['level']:<8} {event.get('logger', '')}: {event.get('event', '')}"
    trailing = [event[name] for name in _LAST if name in event]
    return "\n    ".join("\n".join([f"{head} {fields}".rstrip(), *trailing]).splitlines())


def _shown(value: Any) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text if text.split() == [text] else repr(text)
