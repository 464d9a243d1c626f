"""One decision about several: each by itself, and what was refused is told."""

from given.letters import dead
from given.office import Desk, Office

WHY = {"because": "their parser is mended"}


def alike(desk: Desk, fingerprint: str, *orders: str, used_up: bool) -> list[int]:
    """Letters of a group of their own; `used_up` says that the provider keeps an answer under their keys."""
    numbers = [dead(desk, order) for order in orders]
    with desk.platform.ledger.connection() as connection:
        for number, operation in numbers:
            connection.execute("UPDATE lockgate.dead_letters SET fingerprint = %s WHERE id = %s", [fingerprint, number])
            connection.execute("UPDATE lockgate.operations SET frozen = %s WHERE id = %s", [used_up, operation])
    return [number for number, _ in numbers]


def test_a_group_goes_out_with_new_keys_when_somebody_else_approves_all_of_it(desk: Desk, office: Office) -> None:
    numbers = alike(desk, "usedup", "8951", "8952", used_up=True)
    ann, bob = office.browser("operator"), office.browser("operator")
    sent = ann.post("/groups/usedup/renew", WHY | {"back": "/groups/usedup"})
    assert sent.headers["Location"] == "/edits"
    assert "somebody else has to approve" in ann.get("/edits").text
    assert "waits for a second person" in ann.get(f"/deadletters/{numbers[0]}").text
    edits = [str(row) for row in waiting(desk, numbers)]
    own = ann.post("/edits/approve", WHY | {"edit": edits, "back": "/edits"})
    assert own.headers["Location"] == "/edits"
    assert desk.count("edits WHERE state = 'applied'") == 0
    assert bob.post("/edits/approve", WHY | {"edit": edits, "back": "/edits"}).headers["Location"] == "/edits"
    assert "2 go out" in bob.get("/edits").text
    assert desk.count(f"dead_letters WHERE status = 'superseded' AND id IN ({numbers[0]}, {numbers[1]})") == 2


def waiting(desk: Desk, numbers: list[int]) -> list[int]:
    with desk.platform.ledger.connection() as connection:
        rows = connection.execute("SELECT id FROM lockgate.edits WHERE letter_id = ANY(%s) ORDER BY id", [numbers])
        return [row[0] for row in rows.fetchall()]


def test_what_can_be_requeued_is_not_sent_with_a_new_key_as_it_is(desk: Desk, office: Office) -> None:
    numbers = alike(desk, "fine", "8953", used_up=False)
    ann = office.browser("operator")
    assert ann.post("/groups/fine/renew", WHY | {"back": "/groups/fine"}).headers["Location"] == "/groups/fine"
    assert f"nothing of dl_{numbers[0]} is changed" in ann.get("/groups/fine").text
    assert waiting(desk, numbers) == []


def test_a_group_is_discarded_as_far_as_somebody_may_see_it(desk: Desk, office: Office) -> None:
    numbers = alike(desk, "unwanted", "8954", "8955", used_up=False)
    stranger = office.browser("operator", "globex")
    stranger.post("/groups/unwanted/discard", WHY | {"back": "/groups"})
    assert desk.count("dead_letters WHERE fingerprint = 'unwanted' AND status = 'open'") == 2
    ann = office.browser("operator")
    assert ann.post("/groups/unwanted/discard", WHY | {"back": "/groups/unwanted"}).status_code == 303
    assert desk.count(f"dead_letters WHERE status = 'discarded' AND id = ANY(ARRAY{numbers})") == 2
    assert desk.count(f"audit WHERE action = 'discard' AND actor = '{ann.name}'") == 2
