"""Connections of one process: few when few are needed, no more than it may have, and never one that is over."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from given.deployment import eventually

from ledger.pool import NoneFreeError, Pool
from ledger.session import LOST


@pytest.fixture
def url(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest.fixture
def pool(url: str) -> Iterator[Pool]:
    connections = []

    def connect() -> psycopg.Connection[tuple[object, ...]]:
        connections.append(psycopg.connect(url, autocommit=True))
        return connections[-1]

    yield Pool(connect, size=2, patience=0.05)
    for connection in connections:
        connection.close()


def pid(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    return connection.info.backend_pid


def test_the_last_that_came_back_is_lent_first(pool: Pool) -> None:
    first, second = pool.lend(), pool.lend()
    pool.take_back(first)
    pool.take_back(second)
    assert [pid(pool.lend()), pid(pool.lend())] == [pid(second), pid(first)]


def test_there_are_no_more_than_there_may_be(pool: Pool) -> None:
    lent = [pool.lend(), pool.lend()]
    with pytest.raises(NoneFreeError, match="all 2 connections of this process are in use"):
        pool.lend()
    pool.take_back(lent[0])
    assert pid(pool.lend()) == pid(lent[0])
    assert issubclass(NoneFreeError, LOST)


def test_one_that_the_server_ended_is_lent_to_nobody(pool: Pool, url: str) -> None:
    ended = pool.lend()
    was = pid(ended)
    pool.take_back(ended)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [was])
        gone = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
        eventually(lambda: other.execute(gone, [was]).fetchone() == (0,))
    fresh = pool.lend()
    assert pid(fresh) != was
    assert fresh.execute("SELECT 1").fetchone() == (1,)


def test_one_that_was_left_in_the_middle_of_something_is_lent_to_nobody(pool: Pool) -> None:
    left = pool.lend()
    left.autocommit = False
    left.execute("SELECT 1")
    pool.take_back(left)
    assert left.closed
    assert not pool.lend().closed


def test_who_cannot_connect_hears_it_at_once_and_keeps_no_place() -> None:
    pool = Pool(lambda: psycopg.connect("postgresql://nobody@127.0.0.1:1/none"), size=1, patience=0.05)
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError, match="refused"):
            pool.lend()
