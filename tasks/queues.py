"""Queues: each provider has its own, so that a slow one never starves another; plain tasks share one."""

from typing import Any

from kombu.entity import Queue

from integrations.registry import Registry

DEFAULT = "lockgate"


def names(registry: Registry) -> list[str]:
    """Every queue that a worker without -Q reads."""
    found = [DEFAULT, *(queue for provider in registry.providers.values() for queue in provider.file.queues)]
    return list(dict.fromkeys(found))


def queues(registry: Registry) -> list[Queue]:
    """The same as kombu knows them; a name that is not among them is an error, not a lost message."""
    return [Queue(name, routing_key=name) for name in names(registry)]


def route(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **_: Any) -> dict[str, str] | None:
    """An integration task goes to its provider's first queue."""
    del name, args, kwargs, options
    bound = getattr(task, "bound_kind", None)
    return None if bound is None else {"queue": bound.provider.file.queues[0]}
