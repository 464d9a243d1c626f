"""Several hints in one message: what they have in common is said once, and each is carried out by itself.

A message costs the worker's main process as much as the call in it costs a thread. A worker of an earlier version carries
out the first of a bundle; the others are hinted at again, as after any loss.
"""

import base64
import binascii
import json
import math
import os
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ledger.due import Hint
from ledger.lanes import LOCAL
from tasks.hint import EMPTY_BODY, HEADER, LARGEST, envelope, is_hint, queue_key, settings_of

MOST = 25  # hints in one message
_SPREAD = 4  # messages among which hints are divided before any holds more than one: several workers find some
_ID = 16  # bytes of a ticket's id
_OTHERS = "others"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def messages(
    hints: Iterable[Hint], *, more: Mapping[str, Any] | None = None, spread: int = _SPREAD
) -> dict[str, list[str]]:
    """What to push onto which list in Redis.

    Args:
        hints: what is to be published.
        more: headers for each; with any, each hint has a message of its own.
        spread: messages among which hints are divided before any holds more than one.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for group in _groups(hints, apart=bool(more)):
        size = min(MOST, math.ceil(len(group) / spread))
        for start in range(0, len(group), size):
            found[queue_key(group[0].queue, group[0].priority)] += _written(group[start : start + size], more)
    return found


def others(headers: Mapping[str, Any]) -> list[str]:
    """The other tickets that a delivered message names; none for one that is no bundle, or none of ours."""
    packed = headers[HEADER].get(_OTHERS) if is_hint(headers) else None
    if not isinstance(packed, str) or len(packed) > LARGEST:
        return []
    try:
        raw = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return []
    if len(raw) % _ID:
        return []
    return [str(uuid.UUID(bytes=raw[at : at + _ID])) for at in range(0, len(raw), _ID)]


def _groups(hints: Iterable[Hint], *, apart: bool) -> Iterator[list[Hint]]:
    """Hints that differ in nothing but their ticket, and each of the others by itself."""
    hints = list(hints)
    if len(hints) == 1:  # as after each `.delay()`
        yield hints
        return
    alike: dict[Any, list[Hint]] = defaultdict(list)
    for one in hints:
        if apart or not _bundles(one):
            yield [one]
        else:
            alike[one.queue, one.priority, one.task, one.tenant, one.provider].append(one)
    yield from alike.values()


def _bundles(one: Hint) -> bool:
    """Not what somebody must look at by itself, nor a plain task: it may take minutes, and others would wait behind it."""
    return not (one.alone or one.lapsed or one.probe) and one.provider != LOCAL and bool(_UUID.fullmatch(one.ticket_id))


def _written(group: Sequence[Hint], more: Mapping[str, Any] | None) -> list[str]:
    """One message for all of them, or two where names are so long that it would be too large."""
    if len(group) == 1:
        return [envelope(group[0], more=more)]
    bundle = _bundle(group)
    if len(bundle) <= LARGEST:
        return [bundle]
    half = len(group) // 2
    return [*_written(group[:half], more), *_written(group[half:], more)]


def _bundle(group: Sequence[Hint]) -> str:
    first, rest = group[0], bytes.fromhex("".join(one.ticket_id for one in group[1:]).replace("-", ""))
    about = settings_of(first) | {_OTHERS: base64.b64encode(rest).decode()}
    return json.dumps(
        {
            "body": EMPTY_BODY,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": first.task, "id": first.ticket_id, HEADER: about},
            "properties": {
                "delivery_info": {"exchange": "", "routing_key": first.queue},
                "priority": first.priority,
                "body_encoding": "base64",
                "delivery_tag": os.urandom(16).hex(),
            },
        },
        separators=(",", ":"),
    )
