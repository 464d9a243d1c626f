"""The shop's own table of orders, as every application has one: what was ordered, and what became of it."""

import os
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

DONE, DECLINED, FAILED, PENDING = "done", "declined", "failed", "pending"

_TABLES = """
CREATE TABLE orders (
    name text PRIMARY KEY, tenant text NOT NULL, kind text NOT NULL, fields jsonb NOT NULL,
    status text NOT NULL DEFAULT 'pending', reference text, why text
);
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
"""
_PLACE = "INSERT INTO orders (name, tenant, kind, fields) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING name"


def connect() -> psycopg.Connection:
    """A connection of its own for each use, so that none is held while the provider thinks."""
    return psycopg.connect(os.environ["SOAK_DATABASE_URL"], connect_timeout=5)


def make(database_url: str) -> None:
    """Make the tables."""
    with psycopg.connect(database_url) as connection:
        connection.execute(_TABLES)


def place(name: str, tenant: str, kind: str, fields: dict[str, Any], *, outbox: bool = False) -> bool:
    """Take an order down; False where it was before, so that a second click orders nothing.

    Args:
        name: the order's number.
        tenant: whose.
        kind: what is wanted.
        fields: of it.
        outbox: the message is written down in the same transaction.
    """
    with connect() as connection:
        new = connection.execute(_PLACE, [name, tenant, kind, Jsonb(fields)]).fetchone() is not None
        if new and outbox:
            connection.execute("INSERT INTO outbox (name) VALUES (%s)", [name])
    return new


def forget(name: str) -> None:
    """Its message could not be sent: the customer is told so, and may order again."""
    with connect() as connection:
        connection.execute("DELETE FROM orders WHERE name = %s AND status = 'pending'", [name])


def find(name: str) -> tuple[str, str, dict[str, Any], str]:
    """An order's tenant, kind, fields and status."""
    with connect() as connection:
        row = connection.execute("SELECT tenant, kind, fields, status FROM orders WHERE name = %s", [name]).fetchone()
    assert row is not None
    return row[0], row[1], row[2], row[3]


def settle(name: str, status: str, *, reference: str | None = None, why: str | None = None) -> None:
    """Write down what became of it; what is done stays done."""
    with connect() as connection:
        connection.execute(
            "UPDATE orders SET status = %s, reference = %s, why = %s WHERE name = %s AND status <> 'done'",
            [status, reference, why, name],
        )
