"""Bring the schema up to date: safe to run twice, and at once from many places."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ledger.tables import SCHEMA, metadata

_ONE_AT_A_TIME = 7_030_601  # the key of the advisory lock that migrations hold


def upgrade(url: str) -> bool:
    """Apply what is missing; whether anything was."""
    with _connected(url) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ONE_AT_A_TIME})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        before = _applied(connection)
        connection.commit()  # Alembic's transactions are its own
        command.upgrade(_config(connection), "head")
        return _applied(connection) != before


def differences(url: str) -> list[object]:
    """What the migrated database and `tables.py` say differently; a test keeps it empty."""
    with _connected(url) as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table_schema": SCHEMA,
                "include_schemas": True,
                "include_name": lambda name, kind, _parents: name == SCHEMA if kind == "schema" else True,
            },
        )
        return list(compare_metadata(context, metadata))


def _applied(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA}).get_current_heads()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """A connection of its own, whose closing lets go of the advisory lock.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached, or went away meanwhile; as from the ledger's own connections.
    """
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.OperationalError):
            raise error.orig from None
        raise
