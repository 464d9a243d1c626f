"""Operations of one's own under the soak: a module says which tasks are called, and with what."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from soak.errors import SoakError
from soak.place import loaded

MODULE = "SOAK_OPERATIONS"  # the variable that tells every process of a run


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind that is asked for. Said apart from the kind's own class, so that the checker does not believe that.

    Attributes:
        kind: its name, such as `warehouse.make_thing`.
        task: where its task is, such as `shop.make_thing`.
        arguments: makes the arguments of a call from a name that is new each time, and a source of chance.
        key: the business key that is expected, with `{}` for that name.
        path: where it is sent by POST.
        effect: what the stand-in's journal calls what was done.
        share: how often it is wanted, beside the others.
    """

    kind: str
    task: str
    arguments: Callable[[str, random.Random], dict[str, Any]]
    key: str
    path: str
    effect: str
    share: int = 1

    @property
    def provider(self) -> str:
        """Whose it is."""
        return self.kind.partition(".")[0]


def read(module: str, path: tuple[str, ...] = ()) -> tuple[Operation, ...]:
    """The operations that a module declares in `OPERATIONS`.

    Args:
        module: its name.
        path: folders to find it in, before all others.

    Raises:
        SoakError: there is none, or it declares what cannot be asked for.
    """
    try:
        found = getattr(loaded(module, path), "OPERATIONS", None)
    except ModuleNotFoundError as error:
        raise SoakError(
            f"the operations {module} cannot be imported ({error}): say with --path where they are"
        ) from None
    if not isinstance(found, (list, tuple)) or not found or not all(isinstance(one, Operation) for one in found):
        raise SoakError(f"{module} declares no OPERATIONS: a list of soak.operations.Operation")
    for one in found:
        _look_at(one, module)
    if len({one.kind for one in found}) < len(found):
        raise SoakError(f"{module} names a kind twice: give each kind one Operation")
    return tuple(found)


def _look_at(one: Operation, module: str) -> None:
    wrong = [
        (not one.provider or one.provider == one.kind, "kind is <provider>.<what>, such as warehouse.make_thing"),
        (not one.task.rpartition(".")[0], "task is <module>.<name>, such as shop.make_thing"),
        (not callable(one.arguments), "arguments is a function of a name and a random.Random"),
        (one.key.count("{}") != 1, "key holds {} once, where the name stands"),
        (not one.path.startswith("/"), "path is where it is sent, such as /things"),
        (one.share < 1, "share is a whole number from 1 upwards"),
    ]
    for holds, sentence in wrong:
        if holds:
            raise SoakError(f"{module}: of {one.kind!r} the {sentence}")
