"""What happens on a 503 now, and which key of which file says so."""

from pathlib import Path
from typing import Any

import pytest
from given.console import Console

from demo.quick import write_quick_files


def course(console: Console, *words: str, **environment: str) -> dict[str, Any]:
    (found,) = console.json("explain", *words, **environment)["courses"]
    return dict(found)


@pytest.mark.parametrize(
    ("status", "error_class", "effect", "first"),
    [
        ("503", "ambiguous", "unknown", "sent again under the same key"),
        ("429", "rate_limited", "none", "no attempt is used up"),
        ("400", "client", "none", "dead letter"),
        ("401", "client", "none", "paused until its credentials are changed"),
        ("402", None, "unknown", "then it ends: declined (card_declined)"),
        ("timeout", "ambiguous", "unknown", "sent again under the same key"),
        ("reset", "ambiguous", "unknown", "sent again under the same key"),
        ("refused", "transient", "none", "sent again after"),
        ("connect_refused", "transient", "none", "sent again after"),
    ],
)
def test_a_payment_is_explained(
    console: Console, status: str, error_class: str | None, effect: str, first: str
) -> None:
    found = course(console, "stripe", status, "--kind", "take_payment")
    assert (found["error_class"], found["effect"]) == (error_class, effect)
    assert first in found["first"]


def test_what_stands_in_an_answer_counts(console: Console) -> None:
    body = '{"error": {"type": "idempotency_error"}}'
    found = course(console, "stripe", "400", "--kind", "take_payment", "--body", body)
    assert (found["error_class"], found["effect"]) == ("ambiguous", "unknown")
    assert "stripe is asked first" in found["first"]


def test_a_provider_that_has_no_key_is_asked_first(console: Console) -> None:
    found = course(console, "postmark", "timeout")
    assert "postmark is asked first" in found["first"]
    assert [key["name"] for key in found["keys"]][:2] == ["kinds.send_email.means", "kinds.send_email.settle"]


def test_the_files_own_words_are_quoted(console: Console, tmp_path: Path) -> None:
    folder = write_quick_files(tmp_path / "other", retry__delays=["0s", "1s", "3s", "9s"], refusals=[503])
    found = console.json("explain", "stripe", "503", "--kind", "take_payment", LOCKGATE_PROVIDERS=str(folder))
    (one,) = found["courses"]
    assert one["error_class"] == "transient"
    assert one["judge"] == f"refusals in {folder / 'stripe.toml'}"
    keys = {key["name"]: (key["value"], key["unit"], key["written"]) for key in one["keys"]}
    assert keys["retry.delays"] == ([0, 1, 3, 9], "s", True)
    assert found["file"] == str(folder / "stripe.toml")
    page = console.run("explain", "stripe", "503", LOCKGATE_PROVIDERS=str(folder))
    assert f"says {folder / 'stripe.toml'}" in page.out
    assert "retry.delays" in page.out
    assert "it counts as a failure" in page.out
