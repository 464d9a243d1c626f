"""The soak's operators do what operators may do, and what they are refused changes nothing."""

import uuid

from given.buried import EXHAUSTED, MAILS, PAYMENTS, bury
from given.deployment import Deployment
from given.ledger import TERMS

from ledger.accept import accept
from ledger.claim import claim
from ledger.session import Connection
from soak.subject.operators import Operators
from tasks.draft import Posting, acceptance, draft
from tasks.platform import Platform

DEEDS = 150
PAYMENT = {"amount": 4200, "currency": "gbp", "customer": "cus_demo1", "payment_method": "pm_card_visa"}
MAIL = {"sender": "shop@example.com", "to": "ada@example.com", "subject": "Paid", "text": "Thank you."}


def dead(here: Platform, number: int) -> None:
    """A payment or a mail that was given up, as a caller would have asked for it."""
    lane, fields = (
        (PAYMENTS, {"order_id": f"o-{number}", **PAYMENT})
        if number % 2
        else (MAILS, {"mail_id": f"m-{number}", **MAIL})
    )
    bound = here.registry.kind(lane.kind)
    asked = acceptance(
        bound, draft(bound, (), fields), Posting(str(uuid.uuid4()), lane.task, lane.queue), secret=here.ledger.secret
    )
    accept(here.ledger, [asked])
    claimed = claim(here.ledger, asked.ticket_id, TERMS, worker="w1")
    assert claimed is not None
    bury(here.ledger, claimed, EXHAUSTED, code="http_503")


def number(connection: Connection, query: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM lockgate.{query}").fetchone()
    assert row is not None
    return int(row[0])


def test_what_they_do_adds_up(deployment: Deployment) -> None:
    here = deployment.platform
    for at in range(40):
        dead(here, at)
    with here.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.dead_letters SET dead_at = dead_at - interval '1 minute'")
    people = Operators(here, seed=7)
    for _ in range(DEEDS):
        people.decide()
    assert sum(people.done.values()) == DEEDS
    assert not [name for name in people.done if "away" in name], people.done
    with here.ledger.connection() as connection:
        for deed, written in (("requeue", "requeue"), ("discard", "discard"), ("cancel", "cancel"), ("pause", "pause")):
            done = people.done[f"{deed}: done"]
            assert number(connection, f"audit WHERE action = '{written}'") == done
        edited = number(connection, "edits WHERE state = 'applied'")
        assert 0 < edited <= people.done["edit: done"] + people.done["edit: refused"]
        assert number(connection, "operations WHERE state = 'superseded'") == edited
        assert number(connection, "operations") == 40 + edited
        assert number(connection, "operations WHERE epoch > 1") == people.done["requeue: done"] > 0
        assert number(connection, "runs") == people.done["plan: done"] > 0
        open_ones = "dead_letters d WHERE status = 'open' AND NOT EXISTS (SELECT FROM lockgate.operations o"
        assert number(connection, f"{open_ones} WHERE o.id = d.operation_id AND o.state = 'dead')") == 0
