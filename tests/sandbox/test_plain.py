from .running import Box


def test_a_reference_is_taken_once_in_all_of_the_provider(box: Box, business: str) -> None:
    ours = box.plain("/me").json()["account"]
    made = box.plain("/things", {"reference": business, "colour": "red"})
    again = box.plain("/things", {"reference": business, "colour": "blue"})
    theirs = box.plain("/things", {"reference": business}, token="plain-two")

    assert (made.status_code, made.json()["colour"], made.json()["owner"]) == (201, "red", ours)
    assert (again.status_code, again.json()) == (409, {"error": "exists", "id": made.json()["id"], "owner": ours})
    assert theirs.json()["owner"] == ours != box.plain("/me", token="plain-two").json()["account"]
    assert box.plain(f"/things/{business}").json() == made.json()
    assert box.plain("/things/never").status_code == 404
    assert [effect["reference"] for effect in box.effects(business)] == [made.json()["id"]]


def test_a_ping_leaves_nothing_to_look_up_but_the_journal_knows(box: Box, business: str) -> None:
    for _ in range(2):
        assert box.plain("/pings", {"to": "you", "lockgate_key": business}).status_code == 202
    assert [effect["effect"] for effect in box.effects(business)] == ["ping", "ping"]


def test_what_is_missing_is_named(box: Box) -> None:
    assert box.plain("/things", {"colour": "red"}).json() == {"error": "invalid", "field": "reference"}
    assert box.plain("/pings", {"lockgate_key": "x"}).status_code == 422
    assert box.plain("/me", token="").status_code == 401
    assert box.plain("/nowhere").status_code == 404
