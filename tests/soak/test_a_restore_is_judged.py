"""After a restore the ledger knows nothing of what came later; what may be sent then, and what not."""

from given.history import TERMS, Made

from soak.checker.restored import judge

PAYMENT, PING = TERMS.kinds[0].name, TERMS.kinds[3].name
RESTORED, TRUSTED = 150.0, 500.0


def forgotten(made: Made, kind: str) -> None:
    """It was done before the restore, and accepted and asked about after it."""
    operation = made.operation(kind)
    operation.accepted_at, operation.ended_at = 200.0, 203.0
    operation.attempts[0] |= {"at": 201.0, "purpose": "inquire", "lease_until": 204.0}
    operation.replies[0]["at"] = 202.0


def sorts(made: Made) -> set[str]:
    return {f"{one.invariant} {one.what}" for one in judge(made.history(), restored=RESTORED, trusted=TRUSTED)}


def test_what_was_done_before_the_restore_and_found_by_asking_is_right() -> None:
    made = Made()
    forgotten(made, PAYMENT)
    assert sorts(made) == set()


def test_what_nobody_could_ask_about_is_a_persons_turn() -> None:
    made = Made()
    forgotten(made, PING)
    made.operation(PING).state = "waiting"
    assert "R17 not in review" in sorts(made)


def test_of_means_x_nothing_is_sent_before_everybody_has_asked_again() -> None:
    made = Made()
    forgotten(made, PING)
    first = made.request(PING)
    made.again(first, seq=999, at=201.5, mono=201.5)
    assert {"R17 sent after a restore", "S2 resent"} <= sorts(made)
    made = Made()
    first = made.request(PING)
    first.at = first.mono = TRUSTED + 1
    made.operation(PING).attempts[0] |= {"at": TRUSTED, "lease_until": TRUSTED + 4}
    assert "R17 sent after a restore" not in sorts(made)


def test_what_is_done_again_is_found() -> None:
    made = Made()
    forgotten(made, PAYMENT)
    made.again(made.request(PAYMENT), seq=999, at=201.5, mono=201.5)
    made.again(made.effect(PAYMENT), reference="ref_second")
    assert "S2 doubled" in sorts(made)


def test_a_key_that_a_restore_changed_is_found() -> None:
    made = Made()
    forgotten(made, PAYMENT)
    made.again(made.request(PAYMENT), seq=999, at=201.5, mono=201.5, key="another")
    assert "R8 other key" in sorts(made)


def test_a_send_after_the_restore_needs_an_attempt_that_is_known() -> None:
    made = Made()
    forgotten(made, PAYMENT)
    made.request(PAYMENT).at = 201.5
    assert "R8 sent unasked" in sorts(made)
