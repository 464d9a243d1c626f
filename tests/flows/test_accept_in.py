"""`accept_in`: what is published inside exists if and only if the caller's own transaction commits, canvas included."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import redis
from celery import chain, chord
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import charges, order
from given.shop import alarm, note, references, wrote
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from operations.errors import NotAllowedError
from tasks.accepting import accept_in
from tasks.payments import take_payment

DOORS = ("session", "connection", "psycopg")


class Rows:
    """An application's own table beside the ledger, and three ways to write into it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS orders (name text)")

    def open(self, door: str) -> Any:
        """One of the three, in a transaction once it is used."""
        match door:
            case "session":
                return Session(self.engine)
            case "connection":
                return self.engine.connect()
            case _:
                return psycopg.connect(self.url)

    def add(self, door: Any, name: str) -> None:
        statement = f"INSERT INTO orders VALUES ('{name}')"
        door.execute(statement if isinstance(door, psycopg.Connection) else text(statement))

    def has(self, name: str) -> bool:
        with psycopg.connect(self.url) as connection:
            return connection.execute("SELECT FROM orders WHERE name = %s", [name]).fetchone() is not None


@pytest.fixture
def rows(shop: Deployment) -> Iterator[Rows]:
    made = Rows(shop.settings.database_url)
    yield made
    made.engine.dispose()


def pay(name: str) -> Any:
    return take_payment.si(**order(name))


CANVAS: dict[str, Callable[[str], Any]] = {
    "one": lambda name: take_payment.s(**order(f"{name}-1")).set(link=note.s(name), link_error=alarm.s(name)),
    "chain": lambda name: chain(pay(f"{name}-1"), note.s(name)),
    "chord": lambda name: chord([pay(f"{name}-1"), pay(f"{name}-2")], references.s() | note.s(name)),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("canvas", CANVAS)
def test_after_the_commit_all_of_it_is_carried_out(shop: Deployment, rows: Rows, door: str, canvas: str) -> None:
    name = f"{door}-{canvas}-in"
    with rows.open(door) as transaction:
        with accept_in(transaction):
            rows.add(transaction, name)
            result = CANVAS[canvas](name).delay()
        assert result.state == "PENDING"
        transaction.commit()
    result.get(timeout=PATIENCE)
    eventually(lambda: wrote(name))
    assert rows.has(name)
    assert len(charges(shop, f"{name}-1")) == 1


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("canvas", CANVAS)
def test_after_a_rollback_none_of_it_was_ever_there(shop: Deployment, rows: Rows, door: str, canvas: str) -> None:
    name, stored = f"{door}-{canvas}-out", shop.count("tickets")
    with rows.open(door) as transaction:
        with accept_in(transaction):
            rows.add(transaction, name)
            CANVAS[canvas](name).delay()
        transaction.rollback()
    assert shop.count("tickets") == stored
    assert not rows.has(name)
    with redis.Redis.from_url(shop.valkey.url) as client:
        assert client.llen("stripe") == client.llen("lockgate") == 0


def test_of_a_savepoint_that_was_rolled_back_nothing_is_left_and_the_rest_goes_out(
    shop: Deployment, rows: Rows
) -> None:
    with rows.open("session") as session, accept_in(session):
        kept = pay("kept").delay()
        savepoint = session.begin_nested()
        lost = chord([pay("lost-1"), pay("lost-2")], references.s()).delay()
        savepoint.rollback()
        session.commit()
    assert kept.get(timeout=PATIENCE)["state"] == "succeeded"
    assert shop.count(f"tickets WHERE id = '{lost.id}'") == 0
    assert shop.count("operations WHERE business_key LIKE 'order:lost-%'") == 0
    assert [charges(shop, name) for name in ("lost-1", "lost-2")] == [[], []]


@pytest.mark.usefixtures("shop")
def test_another_thing_is_refused_with_a_sentence() -> None:
    with (
        pytest.raises(NotAllowedError, match="accept_in takes a SQLAlchemy Session or Connection"),
        accept_in(object()),
    ):
        pass
