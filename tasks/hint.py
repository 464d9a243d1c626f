"""The hint: a Celery message that names a row, and holds nothing else. At most 1 KiB, nothing personal."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import redis
from kombu.exceptions import OperationalError
from kombu.messaging import Producer

from ledger.due import Hint

HEADER = "lockgate"
VERSION = 1
LARGEST = 1024  # bytes of headers and body

_NO_ARGUMENTS: list[Any] = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


def headers(hint: Hint, *, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The headers of a hint: Celery's protocol 2 with what admission needs, and `more`."""
    return {
        "lang": "py",
        "task": hint.task,
        "id": hint.ticket_id,
        "root_id": hint.ticket_id,
        "argsrepr": "",
        "kwargsrepr": "",
        HEADER: {"v": VERSION, "provider": hint.provider, "tenant": hint.tenant, "probe": hint.probe},
        **(more or {}),
    }


def publish(producer: Producer, hints: Iterable[Hint], *, more: Mapping[str, Any] | None = None) -> bool:
    """Publish hints; False when the broker is away, which costs time and nothing else."""
    try:
        for hint in hints:
            producer.publish(
                _NO_ARGUMENTS,
                exchange="",
                routing_key=hint.queue,
                serializer="json",
                headers=headers(hint, more=more),
                delivery_mode=2,
                retry=False,
                correlation_id=hint.ticket_id,
                **({"priority": hint.priority} if hint.priority else {}),
            )
    except (OperationalError, OSError, redis.RedisError):  # kombu lets the client's own errors through
        return False
    return True


def size(hint: Hint, *, more: Mapping[str, Any] | None = None) -> int:
    """Bytes of a hint on the wire, without the transport's envelope."""
    return len(json.dumps(headers(hint, more=more))) + len(json.dumps(_NO_ARGUMENTS))


def is_hint(request: Mapping[str, Any]) -> bool:
    """Whether a delivered message is one of ours; anything else came from elsewhere."""
    return isinstance(request.get(HEADER), Mapping)


def is_probe(request: Mapping[str, Any]) -> bool:
    """Whether the sweep chose this one to find out if the provider is back."""
    return bool(request[HEADER].get("probe"))
