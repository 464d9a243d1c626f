"""All that a page shows of one dead letter, and for how long it is kept."""

from datetime import timedelta

import pytest
from given.buried import DOUBT, EXHAUSTED, ORDER, PAYMENTS, dead
from given.ledger import item

from config.secret import Secret
from config.settings import Settings
from deadletter import resolve, retention
from deadletter.dossier import Dossier, dossier
from deadletter.plan import plan
from deadletter.retention import KEPT, countdown, sweep_up
from integrations.registry import Registry
from ledger import groups, looks
from ledger.accept import accept
from ledger.letters import Wanted
from ledger.session import Ledger
from operations.means import Means


@pytest.fixture
def registry() -> Registry:
    return Registry(Settings("postgresql://x", "redis://x", Secret("k")))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed letters are kept for no time at all."""
    monkeypatch.setattr(retention, "KEPT", dict.fromkeys(KEPT, 0.0))


def told(ledger: Ledger, registry: Registry, letter_id: int) -> Dossier:
    groups.fold(ledger)
    found = dossier(ledger, registry, letter_id)
    assert found is not None
    return found


def test_a_letters_story_holds_its_group_its_entity_its_looks_and_its_runs(ledger: Ledger, registry: Registry) -> None:
    accept(ledger, [item("order:1:refund", lane=PAYMENTS)])
    letter, _ = dead(ledger, key="order:1:payment")
    accept(ledger, [item("order:1:note", lane=PAYMENTS), item("order:11:payment", lane=PAYMENTS)])
    made = plan(ledger, registry, Wanted(), ORDER, name="the outage")
    with ledger.connection() as connection:
        for there in (
            {"found": "absent", "effect": "none"},
            {"found": "present", "effect": "done", "reference": "pi_9"},
        ):
            looks.add(
                connection, letter.operation_id, actor="ann", said="so", here={"effect": "none", "reference": None},
                there=there,
            )  # fmt: skip
    found = told(ledger, registry, letter.id)
    assert found.group is not None
    assert (found.group.fingerprint, found.group.open) == (letter.fingerprint, 1)
    assert [(one.business_key, one.later) for one in found.related] == [
        ("order:1:note", True),
        ("order:1:refund", False),
    ]
    assert [(one.there["found"], one.differs) for one in found.looks] == [
        ("present", ["effect", "reference"]),
        ("absent", []),
    ]
    assert found.runs == [(made.id, "the outage", "waiting")]
    assert [tried.outcome for tried in found.story.attempts] == ["failed"]
    assert found.step.action == "requeue"
    assert found.may == dict.fromkeys(("requeue", "edit", "resolve", "decline", "rule_out", "discard"), "")
    assert found.retention.key is not None
    assert 86_000 < found.retention.key < 86_400
    assert found.retention.letter is None


def test_what_may_not_be_done_says_why(ledger: Ledger, registry: Registry) -> None:
    assert registry.kind("stripe.take_payment").assurance.means is Means.KEY
    letter, _ = dead(ledger, DOUBT, key="order:1:payment")
    found = told(ledger, registry, letter.id)
    assert found.may["requeue"] == ""
    assert "only where nothing happened, for sure" in found.may["edit"]
    resolve.discard(ledger, letter.id, ORDER)
    closed = told(ledger, registry, letter.id)
    assert all("was discarded by ann" in why for why in closed.may.values())
    assert closed.step.action == ""


def test_there_is_no_story_of_no_letter(ledger: Ledger, registry: Registry) -> None:
    assert dossier(ledger, registry, 7) is None


def test_a_closed_letter_counts_down_to_its_end(ledger: Ledger, registry: Registry) -> None:
    letter, _ = dead(ledger, EXHAUSTED, key="order:1:payment")
    resolve.discard(ledger, letter.id, ORDER)
    found = told(ledger, registry, letter.id)
    closed_at = found.dead.letter.closed_at
    assert closed_at is not None
    left = countdown(found.dead, found.story.operation, closed_at + timedelta(days=10))
    assert left.letter == KEPT["discarded"] - 10 * 86_400
    assert left.hold is None


def test_closed_letters_are_deleted_when_their_time_is_over_and_open_ones_never(
    ledger: Ledger, registry: Registry, short: None
) -> None:
    del short
    closed, _ = dead(ledger, key="order:1:payment")
    opened, _ = dead(ledger, key="order:2:payment")
    resolve.discard(ledger, closed.id, ORDER)
    groups.fold(ledger)
    with ledger.connection() as connection:
        before = groups.get(connection, opened.fingerprint)
        assert sweep_up(connection) == 1
        assert sweep_up(connection) == 0
    assert dossier(ledger, registry, closed.id) is None
    assert told(ledger, registry, opened.id).group == before
    with ledger.connection() as connection:
        row = connection.execute("SELECT count(*) FROM lockgate.audit WHERE action = 'discard'").fetchone()
    assert row == (1,), "what was done stays written down"
