"""A person's decisions about dead letters, with a real worker and a provider that was mended meanwhile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import chain
from given.console import Console
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import order as arguments

from demo.quick import write_quick_files
from tasks.mail import send_email
from tasks.payments import capture_payment, take_payment

PAYMENTS = {"method": "POST", "path_prefix": "/v1/payment_intents"}
BECAUSE = ("--because", "the provider was mended")


def effects(deployment: Deployment, effect: str = "charge") -> list[dict[str, Any]]:
    return [one for one in deployment.sandbox.effects() if one["effect"] == effect and one["standing"]]


def requests(deployment: Deployment, after: int = -1) -> list[str]:
    """The methods with which the payments' path was called."""
    return [
        event["method"]
        for event in deployment.sandbox.events("request")
        if event["path"].startswith("/v1/payment_intents") and event["seq"] > after
    ]


def last_seq(deployment: Deployment) -> int:
    return max(int(event["seq"]) for event in deployment.sandbox.events("request"))


def refused(deployment: Deployment, order: str) -> Any:
    """A payment that the provider refused for want of a permission: dead, without an effect."""
    deployment.sandbox.fault("F19", form="scope", times=1, match=PAYMENTS)
    result = take_payment.delay(**arguments(order))
    deployment.ends(result.id, "dead")
    return result


def in_doubt(deployment: Deployment, order: str, fault: str, **more: Any) -> Any:
    """A payment that met a frozen 500, and whose look-ups show nothing: dead, effect unknown."""
    deployment.sandbox.fault(fault, times=1, match=PAYMENTS)
    result = take_payment.delay(**arguments(order, **more))
    deployment.ends(result.id, "dead")
    assert deployment.row("reason, effect", result.id) == ("frozen_key", "unknown")
    return result


def test_a_refused_operation_is_shown_requeued_and_charged_once(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    result = refused(deployment, "2001")
    (letter,) = console.json("deadletter", "list")
    assert (letter["business_key"], letter["effect"]) == ("order:2001:payment", "none")
    page = console.run("deadletter", "show", letter["id"])
    assert page.code == 0
    assert "for want of a permission" in page.out
    assert page.out.strip().splitlines()[-1] == f'Next: lockgate deadletter requeue {letter["id"]} --because "…"'

    assert console.run("deadletter", "requeue", letter["id"], *BECAUSE).code == 0
    deployment.ends(result.id)
    assert len(effects(deployment)) == 1

    story = console.json("operation", "show", "order:2001:payment")
    assert (story["state"], story["effect"], story["epoch"]) == ("succeeded", "done", 2)
    assert story["reference"] == effects(deployment)[0]["reference"]
    assert [(tried["outcome"], tried["status"]) for tried in story["attempts"]] == [("failed", 403), ("succeeded", 200)]
    assert story["attempts"][0]["evidence"]["request"]["path"] == "/v1/payment_intents"
    (change,) = story["audit"]
    assert (change["actor"], change["action"], change["because"]) == ("ann", "requeue", "the provider was mended")
    assert (change["before"]["state"], change["after"]["epoch"]) == ("dead", 2)


def test_a_requeued_doubt_asks_the_provider_and_finds_the_charge(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    blind = deployment.sandbox.fault(
        "F24", form="absent", match={"method": "GET", "path_prefix": "/v1/payment_intents"}
    )
    result = in_doubt(deployment, "2002", "F09")
    assert "it does not show it" in console.json("deadletter", "show", "dl_1", "--ask")["there"]
    deployment.sandbox.control("DELETE", f"/faults/{blind['id']}")
    shown = console.run("deadletter", "show", "dl_1", "--ask")
    assert f"found: {effects(deployment)[0]['reference']}" in shown.out, shown.err
    assert deployment.row("state, effect", result.id) == ("dead", "unknown")  # a look decides nothing
    other = console.run("deadletter", "show", "dl_1", "--ask", LOCKGATE_STRIPE_API_KEY="sk_test_other")
    assert "not asked: the credentials in this environment" in other.out
    missing = console.run("deadletter", "show", "dl_1", "--ask", LOCKGATE_STRIPE_API_KEY="")
    assert (missing.code, "set LOCKGATE_STRIPE_API_KEY" in missing.err) == (1, True)
    assert deployment.count("pauses") == 0
    before = last_seq(deployment)

    (done,) = console.json("deadletter", "requeue", "order:2002:payment", *BECAUSE)
    assert done["asks_first"]
    deployment.ends(result.id)
    assert requests(deployment, before) == ["GET"]
    assert [charge["reference"] for charge in effects(deployment)] == [deployment.row("reference", result.id)]


def test_a_doubt_under_a_frozen_key_ends_with_the_next_generation(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    result = in_doubt(deployment, "2003", "F08")
    before = last_seq(deployment)
    assert console.run("deadletter", "requeue", "dl_1", *BECAUSE).code == 0
    eventually(
        lambda: deployment.count("dead_letters") == 2
    )  # asked twice more; under this key there is nothing to send
    assert requests(deployment, before) == ["GET", "GET"]

    page = console.run("deadletter", "show", "dl_2")
    assert "Next: lockgate deadletter show dl_2 --ask" in page.out
    asked = console.run("deadletter", "show", "dl_2", "--ask")
    assert "it does not show it" in asked.out
    assert "for sure not: lockgate deadletter resolve dl_2 --as none" in asked.out
    assert console.run("deadletter", "resolve", "dl_2", "--as", "none", *BECAUSE).code == 0
    frozen = console.run("deadletter", "requeue", "dl_2", *BECAUSE)
    assert (frozen.code, "lockgate deadletter edit dl_2" in frozen.err) == (1, True)
    again = take_payment.again(after=str(deployment.row("o.id", result.id)), **arguments("2003"))
    deployment.ends(again.id)
    assert len(effects(deployment)) == 1

    gone = console.run("deadletter", "requeue", "dl_2", *BECAUSE)
    assert gone.code == 1
    assert "was superseded by the next generation" in gone.err


@pytest.fixture
def without_means(deploy: Callable[..., Deployment], tmp_path: Path) -> Deployment:
    """Postmark by means X: nothing can be asked."""
    folder = write_quick_files(tmp_path / "weakened")
    file = folder / "postmark.toml"
    file.write_text(file.read_text().replace('means = "Q"', 'means = "X"'))
    return deploy({"LOCKGATE_PROVIDERS": str(folder)})


def test_a_doubt_that_nobody_can_ask_about_is_never_sent_again(without_means: Deployment) -> None:
    deployment, console = without_means, Console(without_means.environment | {"LOCKGATE_ACTOR": "ann"})
    deployment.worker()
    deployment.sandbox.fault("F05", variant="after", times=1, match={"method": "POST", "path_prefix": "/email"})
    result = send_email.delay(
        mail_id="m-1", sender="shop@example.com", to="ann@example.com", subject="Hello", text="Hello"
    )
    deployment.ends(result.id, "dead")
    assert console.json("deadletter", "show", "dl_1", "--ask")["there"] == "it cannot be asked"
    said = console.run("deadletter", "requeue", "dl_1", *BECAUSE)
    assert said.code == 1
    assert "postmark cannot be asked" in said.err
    assert "resolve dl_1 --as succeeded --reference" in said.err

    bare = console.run("deadletter", "resolve", "dl_1", "--as", "succeeded", *BECAUSE)
    assert (bare.code, "--without-reference" in bare.err) == (1, True)
    reference = effects(deployment, "email")[0]["reference"]
    done = console.run("deadletter", "resolve", "dl_1", "--as", "succeeded", "--reference", reference, *BECAUSE)
    assert done.code == 0, done.err
    assert result.get(timeout=PATIENCE)["reference"] == reference
    assert len(effects(deployment, "email")) == 1


def test_a_chain_that_waited_for_a_person_goes_on_with_the_reference(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    deployment.sandbox.fault("F24", form="absent", match={"method": "GET", "path_prefix": "/v1/payment_intents"})
    deployment.sandbox.fault("F09", times=1, match=PAYMENTS)
    tail = chain(take_payment.s(**arguments("2005", capture=False)), capture_payment.s()).apply_async()
    deployment.ends(tail.parent.id, "dead")
    assert tail.parent.state == "RETRY"  # held: no failure is told to the chain yet
    reference = effects(deployment)[0]["reference"]
    told = ("--as", "succeeded", "--reference", reference, *BECAUSE)
    assert console.run("deadletter", "resolve", "dl_1", *told).code == 0
    assert tail.get(timeout=PATIENCE)["state"] == "succeeded"
    assert len(effects(deployment)) == 1
    assert len(effects(deployment, "capture")) == 1


def test_of_two_operators_at_once_one_wins_and_the_other_is_told(deployment: Deployment, console: Console) -> None:
    worker = deployment.worker()
    refused(deployment, "2006")
    worker.end()
    both = [console.start("deadletter", "requeue", "dl_1", *BECAUSE) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    (loser,) = [err for _, err in answers if err]
    assert "dl_1 was requeued by ann" in loser
    assert deployment.count("operations WHERE epoch = 2") == 1
    assert deployment.count("audit WHERE action = 'requeue'") == 1


def test_all_that_failed_alike_are_requeued_in_one_order(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    results = [refused(deployment, f"2010-{number}") for number in range(3)]
    (group,) = console.json("deadletter", "list", "--groups")
    assert (group["open"], group["effect"]) == (3, "none")
    both = console.run("deadletter", "requeue", "dl_1", "--fingerprint", group["fingerprint"], *BECAUSE)
    assert both.code == 2
    done = console.json("deadletter", "requeue", "--fingerprint", group["fingerprint"], *BECAUSE)
    assert [one["id"] for one in done] == ["dl_1", "dl_2", "dl_3"]
    for result in results:
        deployment.ends(result.id)
    assert len(effects(deployment)) == 3
    assert deployment.count("audit WHERE action = 'requeue' AND actor = 'ann'") == 3
    gone = console.run("deadletter", "requeue", "--fingerprint", group["fingerprint"], *BECAUSE)
    assert (gone.code, "no open dead letter has the fingerprint" in gone.err) == (1, True)


def test_a_discarded_letter_stays_what_it_was_and_cannot_be_requeued(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    result = refused(deployment, "2007")
    assert console.run("deadletter", "discard", "dl_1", *BECAUSE).code == 0
    assert deployment.row("state, effect", result.id) == ("discarded", "none")
    said = console.run("deadletter", "requeue", "dl_1", "dl_99", *BECAUSE)
    assert said.code == 1
    assert "dl_1 was discarded by ann" in said.err
    assert "there is no dead letter dl_99" in said.err
    assert console.json("deadletter", "list") == []
    assert len(console.json("deadletter", "list", "--status", "discarded")) == 1


def test_a_declined_letter_may_be_followed_by_the_next_generation(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    result = refused(deployment, "2008")
    told = ("--as", "declined", "--code", "fraudulent", *BECAUSE)
    assert console.run("deadletter", "resolve", "dl_1", *told).code == 0
    assert deployment.row("state, code", result.id) == ("declined", "fraudulent")
    again = take_payment.again(after=str(deployment.row("o.id", result.id)), **arguments("2008"))
    deployment.ends(again.id)
    assert len(effects(deployment)) == 1


def test_a_reason_is_needed_and_a_failing_change_leaves_no_audit(deployment: Deployment, console: Console) -> None:
    assert console.run("deadletter", "requeue", "dl_1").code == 2
    assert console.run("deadletter", "requeue", "dl_1", "--because", " ").code == 2
    assert console.run("deadletter", "requeue", "dl_1", *BECAUSE).code == 1
    assert deployment.count("audit") == 0
