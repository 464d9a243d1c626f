"""Somebody lowers a provider's limit for a while, by its page and by the API."""

from given.office import Desk, Office

from ledger import lowered

LOWER = {"calls": "5", "per": "10", "hours": "4", "kind": "stripe.take_payment", "because": "they asked us to"}


def in_force(desk: Desk) -> list[tuple[str, str, str]]:
    with desk.platform.ledger.connection() as connection:
        return [(one.limit.name, one.by, one.because) for one in lowered.in_force(connection, "stripe")]


def test_by_the_page_it_is_lowered_shown_and_ended(desk: Desk, office: Office) -> None:
    ann = office.browser("operator")
    answer = ann.post("/providers/stripe/lower", LOWER, page="/providers/stripe")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/providers/stripe")
    assert in_force(desk) == [("5 in 10 s of stripe.take_payment, lowered", ann.name, "they asked us to")]
    page = ann.get("/providers/stripe").text
    assert "5 in 10 s of stripe.take_payment" in page
    assert "Back to the file" in page
    assert "they asked us to" in ann.get("/").text
    assert ann.post("/providers/stripe/lift", {"because": "they are well"}).status_code == 303
    assert in_force(desk) == []
    assert desk.count(f"audit WHERE actor = '{ann.name}' AND action IN ('limit lower', 'limit lift')") == 2


def test_by_the_api_too_and_nonsense_is_refused_in_a_sentence(desk: Desk, office: Office) -> None:
    asks = office.program("operator")
    done = asks.ask("POST", "/providers/stripe/lower", json={"calls": 7, "hours": 1, "because": "slow"})
    assert (done.status_code, done.json()["value"]["per"]) == (200, 1.0)
    shown = asks.ask("GET", "/providers/stripe").json()["card"]["standing"]["lowered"]
    assert [(one["limit"]["calls"], one["because"]) for one in shown] == [(7, "slow")]
    for wrong in ({"calls": 0}, {"hours": 1000}, {"per": 3600}):
        refused = asks.ask("POST", "/providers/stripe/lower", json={"calls": 7, "hours": 1, "because": "slow"} | wrong)
        assert refused.status_code == 422, refused.text
    more = {"calls": 500, "hours": 1, "tenant": "acme", "kind": "take_payment", "because": "faster"}
    refused = asks.ask("POST", "/providers/stripe/lower", json=more)
    assert (refused.status_code, "would lower nothing" in refused.json()["error"]) == (409, True)
    assert asks.ask("POST", "/providers/stripe/lift", json={"because": "well"}).json()["value"] == {"lifted": 1}
    assert asks.ask("POST", "/providers/stripe/lift", json={"because": "well"}).status_code == 409
    assert in_force(desk) == []


def test_who_sees_one_tenant_sees_no_order_about_another(office: Office) -> None:
    asks = office.program("operator")
    order = {"calls": 3, "hours": 1, "tenant": "acme", "because": "acme asked"}
    assert asks.ask("POST", "/providers/stripe/lower", json=order).status_code == 200
    assert "acme asked" not in office.browser("viewer", "globex").get("/providers/stripe").text
    assert "acme asked" in office.browser("viewer", "acme").get("/providers/stripe").text
    assert asks.ask("POST", "/providers/stripe/lift", json={"because": "well"}).status_code == 200
