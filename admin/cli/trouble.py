"""What went wrong, in one sentence that says the mend."""

from collections.abc import Callable
from typing import Any

import psycopg
import redis

from ledger.session import LOST, unavailable
from operations.errors import LockgateError

_UNMIGRATED = (
    psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedFunction,
)  # fmt: skip
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected)


def sentence(error: BaseException) -> str | None:
    """What to tell a person; None for a mistake of ours, whose traceback is wanted."""
    cause = getattr(error, "orig", None)  # SQLAlchemy's, which only a migration has imported
    if isinstance(cause, psycopg.Error):
        error = cause
    if isinstance(error, LockgateError):
        return str(error)
    return next((say(error) for kinds, say in _SENTENCES if isinstance(error, kinds)), None)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


_SENTENCES: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any], str]], ...] = (
    (_UNMIGRATED, lambda _: "the database holds no ledger of this version: run `lockgate migrate`"),
    (
        (psycopg.errors.InsufficientPrivilege,),
        lambda error: (
            f"the database's user may not do this ({_first_line(error)}): use the owner of the schema lockgate"
        ),
    ),
    (_BUSY, lambda _: "somebody else is changing the same thing right now: look again, then repeat the command"),
    (LOST, lambda error: str(unavailable(error))),
    (
        (redis.RedisError,),
        lambda error: f"Redis cannot be reached: check LOCKGATE_REDIS_URL ({_first_line(error)})",
    ),
)
