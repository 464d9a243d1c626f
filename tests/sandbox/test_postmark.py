from typing import Any

import pytest

from .running import Box


def test_an_email_is_accepted_and_found_by_its_metadata(box: Box, business: str) -> None:
    answer = box.mail(business)
    told = answer.json()

    assert (answer.status_code, told["ErrorCode"], told["Message"], told["To"]) == (200, 0, "OK", "you@example.com")
    assert told["SubmittedAt"].split(".")[1][:7].isdecimal(), "seven digits of a second"
    query = {"count": "5", "offset": "0", "metadata_lockgate_key": business}
    page = box.postmark("/messages/outbound", params=query).json()
    assert (page["TotalCount"], page["Messages"][0]["MessageID"]) == (1, told["MessageID"])
    details = box.postmark(f"/messages/outbound/{told['MessageID']}/details").json()
    assert (details["Status"], details["TextBody"], details["MessageEvents"][0]["Type"]) == ("Sent", "Hi", "Delivered")
    [effect] = box.effects(business)
    assert (effect["effect"], effect["reference"], effect["standing"]) == ("email", told["MessageID"], True)


def test_the_same_email_twice_is_two_emails(box: Box, business: str) -> None:
    assert box.mail(business).json()["MessageID"] != box.mail(business).json()["MessageID"]
    assert len(box.effects(business)) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"From": ""}, 300),
        ({"To": None}, 300),
        ({"TextBody": ""}, 300),
        ({"To": "gone@inactive.example"}, 406),
        ({"Metadata": {"k" * 21: "v"}}, 300),
        ({"Metadata": {"k": "v" * 81}}, 300),
        ({"Metadata": {"k": 1}}, 403),
    ],
)
def test_an_email_that_cannot_be_sent_is_a_422_with_its_own_code(
    box: Box, business: str, changes: dict[str, Any], code: int
) -> None:
    answer = box.mail(business, **changes)

    assert (answer.status_code, answer.json()["ErrorCode"]) == (422, code)
    assert answer.headers["X-PM-ApiErrorCode"] == str(code)
    assert box.effects(business) == []


def test_credentials_and_headers_are_looked_at_first(box: Box) -> None:
    for token in ("", "bad"):
        answer = box.postmark("/server", token=token)
        assert (answer.status_code, answer.json()["ErrorCode"]) == (401, 10)
    assert box.postmark("/server").json()["DeliveryType"] == "Live"
    assert box.postmark("/server", headers={"Accept": "text/html"}).status_code == 415
    assert box.postmark("/email", {"From": "x"}, headers={"Content-Type": "text/plain"}).status_code == 415


def test_the_test_token_delivers_nothing(box: Box, business: str) -> None:
    mail = {"From": "a@b.example", "To": "c@d.example", "HtmlBody": "x", "Metadata": {"lockgate_key": business}}
    assert box.postmark("/email", mail, token="POSTMARK_API_TEST").json()["Message"] == "Test job accepted"
    assert box.effects(business) == []


def test_the_search_needs_count_and_offset_and_lags(box: Box, business: str) -> None:
    box.order("/config", search_lag=3600)
    sent = box.mail(business).json()["MessageID"]
    query = {"count": "5", "offset": "0", "metadata_lockgate_key": business}

    assert box.postmark("/messages/outbound", params={"count": "5"}).status_code == 422
    assert box.postmark("/messages/outbound", params=query | {"count": "501"}).status_code == 422
    assert box.postmark("/messages/outbound", params=query).json() == {"TotalCount": 0, "Messages": []}
    assert box.postmark(f"/messages/outbound/{sent}/details").status_code == 200, "by id there is no lag"
    box.order("/config", search_lag=0)
    assert box.postmark("/messages/outbound", params=query).json()["TotalCount"] == 1


def test_an_unknown_message_is_a_422(box: Box) -> None:
    answer = box.postmark("/messages/outbound/never/details")
    assert (answer.status_code, answer.json()["ErrorCode"]) == (422, 701)


def test_pages_and_filters_cut_the_search(box: Box, business: str) -> None:
    token = f"server-{business}"
    for number in range(3):
        mail = {"From": "a@b.example", "To": f"n{number}@d.example", "TextBody": "x", "Tag": f"tag{number}"}
        box.postmark("/email", mail, token=token)

    def found(**query: str) -> list[str]:
        params = {"count": "2", "offset": "0"} | query
        messages = box.postmark("/messages/outbound", params=params, token=token).json()["Messages"]
        return [message["Tag"] for message in messages]

    assert (found(), found(offset="2")) == (["tag2", "tag1"], ["tag0"])
    assert (found(tag="tag1"), found(recipient="n0@d.example")) == (["tag1"], ["tag0"])
    assert (found(todate="2020-01-01"), found(fromdate="2020-01-01")) == ([], ["tag2", "tag1"])
