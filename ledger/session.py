"""Connections to the ledger, its identity, and what to do when PostgreSQL goes away."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import TupleRow

from config.errors import ConfigError
from config.settings import Settings
from ledger.pool import Pool
from ledger.seal import Sealer, SealError
from operations.errors import LedgerUnavailable
from resilience.clock import Clock, boottime

T = TypeVar("T")
Connection = psycopg.Connection[TupleRow]

#: The server is there and takes no writes: a standby, or a primary that is being handed over. Nothing was written.
READ_ONLY = psycopg.errors.ReadOnlySqlTransaction
#: The connection was lost, never came up, or leads to where nothing can be written; unless it is READ_ONLY, what was under
#: way may or may not have been committed.
LOST = (psycopg.OperationalError, psycopg.InterfaceError, READ_ONLY)
#: One row is in other hands for longer than this process waits; server and other rows are well. These are of LOST as well.
BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

RECORDING = 600.0  # seconds for which an outcome in hand waits for PostgreSQL; then its lease has long lapsed
_IDENTITY = {"column": "ledger.identity", "tenant": "", "row": "ledger"}
_CONNECT_TIMEOUT = 3  # seconds
_PATIENCE = 10.0  # seconds until one of this process's connections comes free
_SETTINGS = (
    "-c lock_timeout=2000 -c statement_timeout=30000 -c idle_in_transaction_session_timeout=10000 -c timezone=UTC "
    # A young ledger's plan must serve a grown one, so it never scans a table that has an index.
    "-c enable_seqscan=off "
    # What it takes for long, for it knows no values, takes milliseconds; compiling it takes a hundred.
    "-c jit=off"
)
#: Left to itself PostgreSQL plans a claim anew each time, which takes longer than carrying it out, and with the values
#: before it takes an index that reads the whole backlog.
_ONE_PLAN = " -c plan_cache_mode=force_generic_plan"


class Ledger:
    """The way to one ledger.

    Connections are in autocommit: a single statement is a transaction. They are made when they are needed, in the process
    that needs them, and none is held while a provider thinks.

    Args:
        url: the database.
        data_key: see `ledger.seal.Sealer`.
        connections: how many may be in use at once in this process; more callers wait.
        one_plan: a statement has one plan, whatever its values; see `plan_anew`.
    """

    def __init__(self, url: str, data_key: str, *, connections: int = 20, one_plan: bool = True) -> None:
        self.url = url
        self.sealer = Sealer(data_key)
        self._connections = connections
        self._one_plan = one_plan
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._pid = 0
        self._secret: bytes | None = None
        self.lanes: dict[Any, int] = {}  # ids by lane, filled by ledger.lanes

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in autocommit, back in the pool afterwards; a broken one is thrown away.

        Raises:
            psycopg.OperationalError: PostgreSQL cannot be reached, or went away meanwhile.
        """
        pool = self._pool_here()
        connection = pool.lend()
        try:
            yield connection
        except READ_ONLY:
            connection.close()  # after a failover the old primary answers for ever: look where the URL leads now
            raise
        finally:
            pool.take_back(connection)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        with self.connection() as connection, connection.transaction():
            yield connection

    @property
    def secret(self) -> bytes:
        """What names this ledger and keys its hashes: made once, kept sealed, the same after a restore.

        Raises:
            ledger.seal.SealError: the data key does not open it.
            psycopg.OperationalError: PostgreSQL cannot be reached.
        """
        if self._secret is None:
            self._secret = self._read_secret()
        return self._secret

    def plan_anew(self) -> None:
        """Have statements planned for their values from here on: people list by whatever they like, and by nothing else."""
        self._one_plan = False
        self.close()

    def close(self) -> None:
        """Close the idle connections."""
        if self._pool is not None:
            self._pool.close()

    def _read_secret(self) -> bytes:
        fresh = self.sealer.seal_bytes(secrets.token_bytes(32), **_IDENTITY)
        with self.connection() as connection:
            connection.execute("INSERT INTO lockgate.ledger (identity) VALUES (%s) ON CONFLICT DO NOTHING", [fresh])
            row = connection.execute("SELECT identity FROM lockgate.ledger").fetchone()
        assert row is not None
        return self.sealer.open_bytes(row[0], **_IDENTITY)

    def _pool_here(self) -> Pool:
        with self._lock:
            if self._pool is None or self._pid != os.getpid():  # a forked child must not share its parent's sockets
                self._pid = os.getpid()
                self._pool = Pool(self._connect, size=self._connections, patience=_PATIENCE)
            return self._pool

    def _connect(self) -> Connection:
        return psycopg.connect(
            self.url, autocommit=True, connect_timeout=_CONNECT_TIMEOUT,
            options=_SETTINGS + (_ONE_PLAN if self._one_plan else ""), application_name="lockgate",
            keepalives_idle=5, keepalives_interval=2, keepalives_count=3, prepare_threshold=0,
        )  # fmt: skip


def open_ledger(settings: Settings, *, connections: int, one_plan: bool = True) -> Ledger:
    """The ledger of a deployment, see `Ledger`; nothing is connected before it is needed.

    Raises:
        ConfigError: the data key is malformed.
    """
    try:
        url, data_key = settings.database_url, settings.data_key.reveal()
        return Ledger(url, data_key, connections=connections, one_plan=one_plan)
    except SealError as error:
        raise ConfigError(str(error)) from None


def persist(
    action: Callable[[], T], *, within: float = RECORDING, pause: Callable[[float], None] = time.sleep,
    clock: Clock = boottime,
) -> T:  # fmt: skip
    """Do what must not be given up while PostgreSQL is away, and what is harmless to do twice.

    Args:
        action: the statement; it may run again after its commit's answer was lost.
        within: seconds after which a failure is the last.
        pause: waits so many seconds.
        clock: BOOTTIME.

    Raises:
        psycopg.OperationalError: it was given up.
    """
    started, wait = clock(), 0.05
    while True:
        try:
            return action()
        except LOST:
            if clock() - started > within:
                raise
            pause(wait)
            wait = min(wait * 2, 2.0)


def unavailable(error: Exception) -> LedgerUnavailable:
    """The error for a caller, with the first line of the driver's and no password."""
    return LedgerUnavailable(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
