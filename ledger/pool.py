"""Connections to PostgreSQL, made when somebody needs one and by whoever does, and lent again.

Whoever asks hears the driver's own words at once when PostgreSQL cannot be reached. psycopg's own pool connects in threads
of its own and tries again in silence; SQLAlchemy's, which does not, brings its whole package into each process, a quarter
of what starting a worker costs.
"""

import select
import threading
from collections.abc import Callable

import psycopg
from psycopg.rows import TupleRow

_Connection = psycopg.Connection[TupleRow]


class NoneFreeError(psycopg.OperationalError):
    """All connections that this process may have are in use, and none came back in time."""


class Pool:
    """So many connections at most; the last that came back is lent first, so that few are in use when few are needed.

    Args:
        connect: makes one, in autocommit.
        size: how many may be lent at once.
        patience: seconds that somebody waits for one.
    """

    def __init__(self, connect: Callable[[], _Connection], *, size: int, patience: float) -> None:
        self._connect = connect
        self._size = size
        self._patience = patience
        self._places = threading.Semaphore(size)
        self._idle: list[_Connection] = []

    def lend(self) -> _Connection:
        """A connection that is in order; it must be given back, whatever happens.

        Raises:
            NoneFreeError: others have all of them.
            psycopg.OperationalError: PostgreSQL cannot be reached.
        """
        if not self._places.acquire(timeout=self._patience):
            raise NoneFreeError(f"all {self._size} connections of this process are in use, for {self._patience:g} s")
        try:
            while self._idle:
                connection = self._idle.pop()
                if not _gone(connection):
                    return connection
                connection.close()
            return self._connect()
        except BaseException:
            self._places.release()
            raise

    def take_back(self, connection: _Connection) -> None:
        """Keep it for the next, unless it is closed or was left in the middle of something."""
        try:
            if broken(connection):
                connection.close()
            else:
                self._idle.append(connection)
        finally:
            self._places.release()  # also for whoever is interrupted meanwhile

    def close(self) -> None:
        """Close those that are not lent."""
        while self._idle:
            self._idle.pop().close()


def broken(connection: _Connection) -> bool:
    """Closed, or left in the middle of something: nobody may use it again."""
    return connection.closed or connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE


def _gone(connection: _Connection) -> bool:
    """Something waits to be read on an idle connection: the server's goodbye. Asking the kernel costs a microsecond.

    After a restart of PostgreSQL every pooled connection is such a one; using them up one after another would make an
    accept doubt its commit when in truth nothing was sent.
    """
    if connection.closed:
        return True
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
