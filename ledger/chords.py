"""Chords, counted where nothing is forgotten: each member once, the body released once."""

from dataclasses import dataclass
from typing import Any

from ledger.session import Connection, Ledger

_SIZE = """
INSERT INTO lockgate.chords (id, size) VALUES (%(id)s, %(size)s)
ON CONFLICT (id) DO UPDATE SET size = excluded.size, released_at = NULL
"""
_NEW_RUN = """
DELETE FROM lockgate.chord_parts p USING lockgate.chords c WHERE p.chord_id = %(id)s AND c.id = p.chord_id
    AND c.released_at IS NOT NULL
"""
_GROW = """
INSERT INTO lockgate.chords (id, added) VALUES (%s, 1) ON CONFLICT (id) DO UPDATE SET added = chords.added + 1
"""
_OPEN = "INSERT INTO lockgate.chords (id) VALUES (%s) ON CONFLICT (id) DO NOTHING"
_LOCK = "SELECT size + added, released_at IS NOT NULL FROM lockgate.chords WHERE id = %s FOR UPDATE"
_PART = """
INSERT INTO lockgate.chord_parts (chord_id, ticket_id, position, sealed)
VALUES (%(id)s, %(ticket_id)s, %(position)s, %(sealed)s) ON CONFLICT DO NOTHING
"""
_PARTS = "SELECT ticket_id, sealed FROM lockgate.chord_parts WHERE chord_id = %s ORDER BY position, ticket_id"
_COUNT = "SELECT count(*) FROM lockgate.chord_parts WHERE chord_id = %s"
_RELEASE = "UPDATE lockgate.chords SET released_at = statement_timestamp() WHERE id = %s AND released_at IS NULL"


@dataclass(frozen=True, slots=True)
class Part:
    """One member's outcome, as Celery encoded it."""

    ticket_id: str
    content: Any


def set_size(connection: Connection, chord_id: str, size: int) -> None:
    """Say how many members there are. A chord that was released before begins a new run."""
    connection.execute(_NEW_RUN, {"id": chord_id})
    connection.execute(_SIZE, {"id": chord_id, "size": size})


def grow(connection: Connection, chord_id: str) -> None:
    """One member more."""
    connection.execute(_GROW, [chord_id])


def add_part(ledger: Ledger, chord_id: str, ticket_id: str, position: float, content: Any) -> list[Part] | None:
    """Count a member, once.

    Returns:
        All parts in order when this completes the chord, or it is complete and not yet released; None otherwise.
    """
    sealed = ledger.sealer.seal(content, column="chord_parts", tenant="", row=f"{chord_id}/{ticket_id}")
    with ledger.transaction() as connection:
        connection.execute(_OPEN, [chord_id])
        row = connection.execute(_LOCK, [chord_id]).fetchone()
        assert row is not None
        expected, released = row
        if released:
            return None
        values = {"id": chord_id, "ticket_id": ticket_id, "position": position, "sealed": sealed}
        connection.execute(_PART, values)
        counted = connection.execute(_COUNT, [chord_id]).fetchone()
        if expected is None or counted is None or counted[0] < expected:
            return None  # a large chord's parts are read once, by its last member
        rows = connection.execute(_PARTS, [chord_id]).fetchall()
    return [
        Part(name, ledger.sealer.open(part, column="chord_parts", tenant="", row=f"{chord_id}/{name}"))
        for name, part in rows
    ]


def release(connection: Connection, chord_id: str) -> bool:
    """Note that the body goes out, in the transaction that accepts it; False when it went out before."""
    return connection.execute(_RELEASE, [chord_id]).rowcount == 1
