"""What a message must look like before anybody opens it: Redis is written to by whoever reaches it.

Celery takes a message apart in the worker's only loop, and a part of a wrong type ends the worker, with all that is under
way in it. So shapes are looked at first. What is in the body is no affair of this module.
"""

from collections.abc import Mapping
from typing import Any

LARGEST = 4 * 1024 * 1024  # bytes; arguments of 256 KiB fit in several times over, whatever they are wrapped in

_TEXT = (str, type(None))
_LIMITS = 2  # a hard and a soft one


def trouble(message: Any) -> str:
    """What is wrong with a message as kombu wraps it; empty when nothing is. Never shows a value."""
    if not isinstance(message, Mapping):
        return "it is no object"
    properties, headers = message.get("properties"), message.get("headers")
    if not isinstance(properties, Mapping) or not isinstance(properties.get("delivery_tag"), str):
        return "it has no properties with a delivery tag"
    if not isinstance(properties.get("delivery_info", {}), Mapping):
        return "its delivery info is no object"
    if not isinstance(message.get("body"), str) or not _all(message, "content-type", "content-encoding", kind=_TEXT):
        return "its body or the description of it is no text"
    if not isinstance(headers, Mapping):
        return "it has no headers"
    return _trouble_of_headers(headers)


def _trouble_of_headers(headers: Mapping[str, Any]) -> str:
    if not _all(headers, "id", "task", "root_id", "parent_id", "eta", "expires", kind=(*_TEXT, int, float)):
        return "a header of Celery's is of the wrong type"
    if not all(_storable(headers.get(name)) for name in ("id", "task")):
        return "its id or task is no text that can be stored"
    if not _are_limits(headers.get("timelimit")):
        return "its time limits are none"
    return ""


def _all(parts: Mapping[str, Any], *names: str, kind: tuple[type, ...]) -> bool:
    return all(isinstance(parts.get(name), kind) for name in names)


def _storable(text: Any) -> bool:
    """Text that PostgreSQL takes."""
    if text is None:
        return True
    return isinstance(text, str) and "\0" not in text and text.isprintable()


def _are_limits(limits: Any) -> bool:
    if limits is None:
        return True
    return (
        isinstance(limits, list)
        and len(limits) == _LIMITS
        and all(one is None or (isinstance(one, (int, float)) and not isinstance(one, bool)) for one in limits)
    )
