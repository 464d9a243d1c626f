"""Looks at operations of one's own before anything is asked for: do tasks, arguments, keys and paths hold together?

A process of its own, in the environment of the workers; it says in one sentence what does not, and ends with 1.
"""

import os
import random
from importlib import import_module

from pydantic import ValidationError

from config.errors import ConfigError
from operations.errors import LockgateError
from soak import operations
from soak.errors import SoakError
from soak.operations import Operation

_NAMES = ("s0-1", "s0-2")


def main() -> int:
    """Look, and say."""
    try:
        for one in operations.read(os.environ[operations.MODULE]):
            _look_at(one)
    except (SoakError, LockgateError, ConfigError) as error:
        print(error)
        return 1
    return 0


def _look_at(one: Operation) -> None:
    from tasks.platform import platform  # noqa: PLC0415  it reads the environment; its errors are sentences of main()
    from tasks.task import IntegrationTask  # noqa: PLC0415

    bound = platform().registry.kind(one.kind)
    module, _, name = one.task.rpartition(".")
    try:
        task = getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        raise SoakError(
            f"{one.kind}: the task {one.task} cannot be imported ({error}): say with --path where"
        ) from None
    if not isinstance(task, IntegrationTask) or task.kind_name != one.kind:
        raise SoakError(f"{one.kind}: {one.task} is no integration_task of that kind")
    for said in _NAMES:
        given = one.arguments(said, random.Random(0))
        try:
            arguments = bound.kind.Arguments(**given)
        except (ValidationError, TypeError) as error:
            first = str(error).splitlines()
            raise SoakError(f"{one.kind} does not take the arguments {given!r}: {' '.join(first[1:3])}") from None
        key, request = bound.kind.business_key(arguments), bound.kind.request(arguments, "a-key")
        if key != one.key.format(said):
            raise SoakError(f"{one.kind}: its business key is {key!r}, and {one.key.format(said)!r} is expected")
        if (request.method, request.path) != ("POST", one.path):
            raise SoakError(f"{one.kind} is sent by {request.method} to {request.path}, and not by POST to {one.path}")


if __name__ == "__main__":
    raise SystemExit(main())
