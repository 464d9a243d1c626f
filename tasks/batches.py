"""The items of one call drafted, a batch at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.registry import BoundKind
from ledger.accept import Acceptance, Row, rows_of
from ledger.session import LOST, Ledger, unavailable
from operations import keys
from operations.errors import InvalidArgumentsError, LockgateError
from tasks.accepting import joined
from tasks.draft import Posting, acceptance, draft
from tasks.platform import platform

_BATCH = 200  # operations in one statement: of more, Python's collector finds so many alive that it looks at everything
_WINDOW = 1000  # hints that one call publishes at most; the sweep sends the others as they find room


@dataclass(slots=True)  # not frozen, like what it holds
class Batch:
    """Some of a call's items: what each came to, and of those that are right the rows, ready for PostgreSQL."""

    drafts: Sequence[Acceptance | LockgateError]
    wanted: Sequence[Acceptance]
    rows: Sequence[Row]


class Batches:
    """A call's items in batches, of which the next may be made while PostgreSQL works on the one at hand.

    What goes wrong with the next is raised in its turn: the one at hand may be committed, and is hinted at first. Nor is
    it made anew instead: it may be somebody's time limit, which comes but once.
    """

    def __init__(self, task: Any, items: Sequence[Mapping[str, Any]]) -> None:
        self._task = task
        self._items = items
        self._start = 0
        self._next: Batch | Exception | None = None

    def __iter__(self) -> Iterator[Batch]:
        while self.more:
            self.make_next()
            made, self._next = self._next, None
            if isinstance(made, Exception):
                raise made
            assert made is not None
            self._start += _BATCH
            yield made

    @property
    def more(self) -> bool:
        """Whether another one follows."""
        return self._start < len(self._items)

    def make_next(self) -> None:
        """Make the one that follows, unless that is done."""
        if self._next is None:
            try:
                self._next = self._made()
            except Exception as error:  # noqa: BLE001  see above
                self._next = error

    def _made(self) -> Batch:
        items = self._items[self._start : self._start + _BATCH]
        drafts = all_drafted(self._task, items, hintable=self._start < _WINDOW)
        wanted = [made for made in drafts if isinstance(made, Acceptance)]
        return Batch(drafts, wanted, rows_of(platform().ledger, wanted))


def all_drafted(
    task: Any, items: Sequence[Mapping[str, Any]], *, hintable: bool = True
) -> list[Acceptance | LockgateError]:
    """What each item asks to be accepted as, or what is wrong with it; with or without a hint at once."""
    bound, queue, transaction, ledger = task.bound_kind, queue_of(task), joined(), platform().ledger
    hintable = hintable and (transaction is None or transaction.hintable) and not platform().crowd.full(queue)
    return [
        _drafted(ledger, bound, fields, Posting(keys.new_name(), task.name, queue, hint=hintable)) for fields in items
    ]


def queue_of(task: Any) -> str:
    """The queue that the task's route names."""
    route = task.app.amqp.router.route({}, task.name, (), {}, task)
    queue = route.get("queue")
    return str(getattr(queue, "name", queue) or task.app.conf.task_default_queue)


def _drafted(
    ledger: Ledger, bound: BoundKind, fields: Mapping[str, Any], posting: Posting
) -> Acceptance | LockgateError:
    try:
        return acceptance(bound, draft(bound, (), fields), posting, secret=ledger.secret)
    except InvalidArgumentsError as error:
        return error
    except LOST as error:
        raise unavailable(error) from None
