"""The hint: a Celery message that names a row, and holds nothing else. At most 1 KiB, nothing personal."""

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from ledger.due import Hint
from ledger.lanes import SPARE

HEADER = "lockgate"
DEFAULT_TENANT = "default"
VERSION = 1
LARGEST = 1024  # bytes of headers and body

PRIORITY_STEPS = (0, 9)  # kombu keeps one list for each

_NO_ARGUMENTS: list[Any] = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
_BODY = base64.b64encode(json.dumps(_NO_ARGUMENTS).encode()).decode()
EMPTY_BODY = base64.b64encode(b"[[],{},{}]").decode()  # the same in fewer words
BODIES = frozenset((_BODY, EMPTY_BODY))
_SEPARATOR = "\x06\x16"  # kombu's, between a queue's name and its priority


def headers(hint: Hint, *, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The headers of a hint: Celery's protocol 2 with what admission needs, and `more`."""
    return {
        "lang": "py",
        "task": hint.task,
        "id": hint.ticket_id,
        "root_id": hint.ticket_id,
        "argsrepr": "",
        "kwargsrepr": "",
        HEADER: settings_of(hint),
        **(more or {}),
    }


def settings_of(hint: Hint) -> dict[str, Any]:
    """What admission needs to know."""
    return {
        "v": VERSION,
        "provider": hint.provider,
        "tenant": hint.tenant,
        "probe": hint.probe,
        **({"alone": True} if hint.alone else {}),
        **({"lapsed": True} if hint.lapsed else {}),
        **({"spare": True} if hint.priority == SPARE else {}),
    }


def envelope(hint: Hint, *, more: Mapping[str, Any] | None = None) -> str:
    """A hint as kombu's Redis transport would write it.

    Written here, because Celery's and kombu's own way takes ten times as long and one round trip for each message, and a
    hint is always the same message with other names in it. A contract test compares the two.
    """
    return json.dumps(
        {
            "body": _BODY,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers(hint, more=more),
            "properties": {
                "correlation_id": hint.ticket_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": hint.queue},
                "priority": hint.priority,
                "body_encoding": "base64",
                "delivery_tag": os.urandom(16).hex(),
            },
        }
    )


def queue_key(queue: str, priority: int) -> str:
    """The list in Redis that holds a queue's messages of a priority."""
    step = max(step for step in PRIORITY_STEPS if step <= max(priority, 0))
    return f"{queue}{_SEPARATOR}{step}" if step else queue


def size(hint: Hint, *, more: Mapping[str, Any] | None = None) -> int:
    """Bytes of a hint on the wire, without the transport's envelope."""
    return len(json.dumps(headers(hint, more=more))) + len(json.dumps(_NO_ARGUMENTS))


def is_hint(request: Mapping[str, Any]) -> bool:
    """Whether a delivered message is one of ours; anything else came from elsewhere."""
    return isinstance(request.get(HEADER), Mapping)


def ticket(raw: bytes) -> str | None:
    """The ticket that a message names, as Redis holds it; None for one that is not ours."""
    try:
        headers = json.loads(raw)["headers"]
        return str(headers["id"]) if HEADER in headers else None
    except (ValueError, KeyError, TypeError):
        return None


def is_newer(request: Mapping[str, Any]) -> bool:
    """Whether it was written by a later version, whose words may mean something else: its row is left to that version."""
    version = request[HEADER].get("v")
    return isinstance(version, int) and version > VERSION


def is_alone(request: Mapping[str, Any]) -> bool:
    """Whether it gets a process of its own, because it took down whoever carried it out."""
    return bool((request.get(HEADER) or {}).get("alone"))


def is_spare(request: Mapping[str, Any]) -> bool:
    """Whether it has no haste, and leaves a reserve of the provider's limits to live work."""
    return bool((request.get(HEADER) or {}).get("spare"))


def tenant_of(request: Mapping[str, Any]) -> str:
    """Whose operation a delivered message is about; of one from elsewhere, as its arguments say."""
    named = (request.get(HEADER) or {}).get("tenant") or (request.get("kwargs") or {}).get("tenant")
    return str(named or DEFAULT_TENANT)


def is_probe(request: Mapping[str, Any]) -> bool:
    """Whether the sweep chose this one to find out if the provider is back."""
    return bool(request[HEADER].get("probe"))
