"""Dead letters that are written down by hand, where nothing is sent."""

from given.office import Desk
from given.payments import pay


def dead(desk: Desk, order: str) -> tuple[int, str]:
    """A payment that was refused, written down by hand: the number of its letter, and its operation."""
    made = pay(order)
    with desk.platform.ledger.transaction() as connection:
        row = connection.execute(
            "UPDATE lockgate.operations SET state = 'dead', reason = 'exhausted', error_class = 'transient', "
            "ended_at = clock_timestamp(), hinted_at = NULL WHERE ticket_id = %s RETURNING id",
            [made.id],
        ).fetchone()
        assert row is not None
        letter = connection.execute(
            "INSERT INTO lockgate.dead_letters (operation_id, epoch, tenant, provider, kind, reason, error_class, effect, "
            "fingerprint) SELECT id, epoch, tenant, provider, kind, reason, error_class, effect, 'alike' "
            "FROM lockgate.operations WHERE id = %s RETURNING id",
            [row[0]],
        ).fetchone()
    assert letter is not None
    return letter[0], str(row[0])
