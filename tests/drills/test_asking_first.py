"""A provider without idempotency keys is asked before anything is sent again; one that cannot be asked gets it once."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from given.deployment import Deployment, eventually
from given.traffic import requests_at

from tasks.mail import send_email
from tasks.payments import take_payment

QUICK = {
    "call__connect": "500ms", "call__read": "1s", "call__total": "1s", "call__lease": "2s", "settle": "1s",
}  # fmt: skip
SETTLE = 1.0


def mail(name: str) -> Any:
    return send_email.delay(
        mail_id=name, sender="shop@merchant.example", to="jo@customer.example", subject="Receipt", text="Thank you."
    )


def story(deployment: Deployment) -> list[tuple[str, float]]:
    """What Postmark was asked, in order: `send` or `search`, and when; the question for the account left out."""
    verbs = {"/email": "send", "/messages/outbound": "search"}
    seen = requests_at(deployment.sandbox, "postmark")
    return [(verbs[event["path"]], event["mono"]) for event in seen if event["path"] in verbs]


def verbs(deployment: Deployment) -> list[str]:
    return [verb for verb, _ in story(deployment)]


def sent_mails(deployment: Deployment) -> list[dict[str, Any]]:
    return [effect for effect in deployment.sandbox.effects() if effect["effect"] == "email"]


def lose_a_worker_in_the_call(deployment: Deployment, fault: str) -> Any:
    """A mail whose request has left, and whose worker is gone before the answer."""
    deployment.sandbox.fault(fault, times=1, match={"provider": "postmark", "path_prefix": "/email"})
    worker = deployment.worker()
    result = mail("lost")
    eventually(lambda: "send" in verbs(deployment))
    if fault == "F04":
        eventually(lambda: sent_mails(deployment))
    worker.kill()
    return result


def test_a_mail_that_went_out_before_its_worker_was_lost_is_found_and_not_sent_again(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(**QUICK)
    result = lose_a_worker_in_the_call(deployment, "F04")
    deployment.worker()
    deployment.ends(result.id)
    assert verbs(deployment)[:2] == ["send", "search"]
    assert verbs(deployment).count("send") == 1
    (found,) = sent_mails(deployment)
    assert deployment.row("effect, reference", result.id) == ("done", found["reference"])


def test_a_mail_that_did_not_go_out_is_sent_again_after_two_absences_a_settle_time_apart(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(**QUICK)
    result = lose_a_worker_in_the_call(deployment, "F03")
    deployment.worker()
    deployment.ends(result.id)
    told = story(deployment)
    assert [verb for verb, _ in told] == ["send", "search", "search", "send"]
    first, second = (at for verb, at in told if verb == "search")
    assert second - first >= SETTLE
    assert first - told[0][1] >= SETTLE
    assert len(sent_mails(deployment)) == 1


def test_a_search_that_lags_longer_than_declared_is_caught_by_the_second_look(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(**QUICK | {"settle": "2s"})
    deployment.sandbox.control("POST", "/config", search_lag=3.5)
    deployment.sandbox.fault("F05", variant="after", times=1, match={"path_prefix": "/email"})
    deployment.worker()
    result = mail("lagging")
    deployment.ends(result.id)
    assert verbs(deployment).count("send") == 1
    assert len(sent_mails(deployment)) == 1


@pytest.mark.parametrize("form", ["fail", "absent"])
def test_a_search_that_fails_or_lies_once_proves_nothing(deploy: Callable[..., Deployment], form: str) -> None:
    deployment = deploy(**QUICK)
    deployment.sandbox.fault("F05", variant="after", times=1, match={"path_prefix": "/email"})
    times = 3 if form == "fail" else 1
    deployment.sandbox.fault("F24", form=form, times=times, match={"path_prefix": "/messages"})
    deployment.worker()
    result = mail("doubtful")
    deployment.ends(result.id)
    assert verbs(deployment) == ["send", *["search"] * (times + 1)]
    assert len(sent_mails(deployment)) == 1


def test_a_kind_whose_file_says_x_is_never_sent_again(deploy: Callable[..., Deployment], tmp_path: Path) -> None:
    bundled = tomllib.loads((Path(__file__).parents[2] / "config/providers/postmark.toml").read_text())
    bundled["kinds"]["send_email"] = {"means": "X"}
    bundled["call"] |= {"connect": "500ms", "read": "1s", "total": "1s", "lease": "2s"}
    (tmp_path / "x.toml").write_text(tomli_w.dumps(bundled))
    deployment = deploy({"LOCKGATE_PROVIDERS": str(tmp_path / "x.toml")})
    deployment.sandbox.fault("F04", times=1, match={"path_prefix": "/email"})
    deployment.worker()
    result = mail("once")
    deployment.ends(result.id, "dead")
    assert verbs(deployment) == ["send"]
    assert deployment.row("effect", result.id) == "unknown"
    deployment.ends(mail("another").id)  # what is no doubt goes out as ever
    assert verbs(deployment) == ["send", "send"]


def test_every_send_of_one_operation_is_the_same_bytes_under_the_same_key(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(**QUICK)
    about = {"path_prefix": "/v1/payment_intents"}
    for form in ("502", "504"):
        deployment.sandbox.fault("F10", variant="before", form=form, times=1, match=about)
    deployment.sandbox.fault("F20", form="in_progress", times=1, match=about)
    deployment.worker()
    result = take_payment.delay(
        order_id="frozen", amount=4200, currency="gbp", customer="cus_demo1", payment_method="pm_card_visa"
    )
    deployment.ends(result.id)
    met = requests_at(deployment.sandbox, path="/v1/payment_intents")
    assert len(met) == 4
    assert len({(event["idempotency_key"], event["body_sha256"]) for event in met}) == 1
