"""Ids for what follows a task, so that sending it twice is sending it once.

Celery freezes the ids of chain steps and chord members when they are built; links and errbacks get theirs when they are
sent, anew each time. Here they follow from the ticket and the place: whoever sends them again sends the same ids.
"""

import uuid
from collections.abc import Mapping
from typing import Any

_NAMESPACE = uuid.UUID("6f0d3c1e-2c64-4b0e-9f6a-7e1d5a3b8c21")


def with_ids(embed: Mapping[str, Any] | None, ticket_id: str) -> dict[str, Any]:
    """Links, errbacks, chain and chord of a message, each signature that would be sent alone with an id of its own."""
    filled = dict(embed or {})
    for part in ("callbacks", "errbacks"):
        if filled.get(part):
            filled[part] = [_named(signature, ticket_id, f"{part}/{at}") for at, signature in enumerate(filled[part])]
    return filled


def _named(signature: Any, ticket_id: str, place: str) -> Any:
    """A single task's signature with an id; a canvas is left to Celery, which names its parts when it is sent."""
    if not isinstance(signature, Mapping) or signature.get("subtask_type") not in {None, ""}:
        return signature
    options = dict(signature.get("options") or {})
    options.setdefault("task_id", str(uuid.uuid5(_NAMESPACE, f"{ticket_id}/{place}")))
    return {**signature, "options": options}
