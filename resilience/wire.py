"""The short way to Redis: each thread has a connection of its own.

A pool looks at a connection before it lends it: one more read and two changes of its time limit for each command. In a
worker of many threads each of these is a moment at which another thread goes first, and there were more of them in asking
for a permit than in calling the provider.
"""

import threading
from collections.abc import Sequence
from typing import Any

import redis
from redis.commands.core import Script
from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as LateError

Call = tuple[tuple[Any, ...], tuple[Any, ...]]  # a script's keys and arguments


class Wire:
    """Sends one command at a time, and waits for its answer.

    Args:
        client: whose server, credentials, time limits and greeting are used.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._own = threading.local()

    def command(self, *parts: Any) -> Any:
        """The answer to a command; over a connection that went stale it is sent once more, at once.

        Raises:
            redis.RedisError: Redis is away, or refuses it.
        """
        connection = self._connection()
        try:
            return _answer(connection, parts)
        except (LostError, LateError):
            connection.disconnect()  # type: ignore[no-untyped-call]
            return _answer(connection, parts)

    def run(self, script: Script, keys: tuple[Any, ...], args: tuple[Any, ...]) -> Any:
        """The answer of a script.

        Raises:
            redis.RedisError: Redis is away.
        """
        try:
            return self.command("EVALSHA", script.sha, len(keys), *keys, *args)
        except NoScriptError:
            return self.command("EVAL", script.script, len(keys), *keys, *args)

    def run_all(self, script: Script, calls: Sequence[Call]) -> list[Any]:
        """The answers of a script to several calls, in one round trip.

        Raises:
            redis.RedisError: Redis is away.
        """
        if len(calls) == 1:
            return [self.run(script, *calls[0])]
        commands = [("EVALSHA", script.sha, len(keys), *keys, *args) for keys, args in calls]
        connection = self._connection()
        try:
            return _answers(connection, commands)
        except NoScriptError:
            return [self.run(script, *call) for call in calls]
        except (LostError, LateError):
            connection.disconnect()  # type: ignore[no-untyped-call]
            return _answers(connection, commands)

    def _connection(self) -> AbstractConnection:
        found: AbstractConnection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = self._pool.connection_class(**self._pool.connection_kwargs)
        return found


def _answer(connection: AbstractConnection, parts: tuple[Any, ...]) -> Any:
    connection.send_command(*parts)  # type: ignore[no-untyped-call]  # it connects where it must
    return connection.read_response()


def _answers(connection: AbstractConnection, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    connection.send_packed_command(connection.pack_commands(commands))  # type: ignore[no-untyped-call]
    try:
        return [connection.read_response() for _ in commands]
    except redis.RedisError:
        connection.disconnect()  # type: ignore[no-untyped-call]  # or the next command would read what is left of these answers
        raise
