"""A provider file that is wrong stops the start with one sentence that says where and what to do."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from config.errors import ConfigError
from config.load import load_provider, load_providers
from config.units import seconds

BUNDLED = Path(__file__).parents[3] / "config/providers"


def changed(tmp_path: Path, **changes: Any) -> Path:
    """A copy of Stripe's file; `a__b=value` sets `b` in table `a`, None removes it."""
    content = tomllib.loads((BUNDLED / "stripe.toml").read_text())
    for name, value in changes.items():
        *tables, last = name.split("__")
        at = content
        for table in tables:
            at = at.setdefault(table, {})
        if value is None:
            del at[last]
        else:
            at[last] = value
    written = tmp_path / "stripe.toml"
    written.write_text(tomli_w.dumps(content))
    return written


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"retrys": {}}, r"retrys is not a key that Lockgate knows; did you mean retry\?"),
        ({"call__totl": "3s"}, r"call\.totl is not a key that Lockgate knows; did you mean total\?"),
        (
            {"kinds__take_payment__kept_four": "1h"},
            r"kept_four is not a key that Lockgate knows; did you mean kept_for\?",
        ),
        ({"limits": [{"calls": 1, "per": "1s", "scop": ["tenant"]}]}, r"did you mean scope\?"),
        ({"base_url": None}, r"base_url is missing"),
        ({"kinds__take_payment__means": None}, r"kinds\.take_payment\.means is missing"),
        ({"kinds__take_payment__means": "Z"}, r"kinds\.take_payment\.means"),
        ({"kinds__take_payment__kept_for": None}, r'means "K" needs `kept_for`'),
        ({"kinds__take_payment__settle": None}, r'means "K" needs `settle`'),
        ({"kinds__take_payment__kept_for": "45s"}, r"kept_for leaves no time to send again under the key"),
        ({"call__lease": "31s"}, r"lease must be at least one and a half times total"),
        ({"call__read": "40s"}, r"total bounds connect and read"),
        ({"call__total": "0s"}, r"call\.total"),
        ({"call__total": 30}, r"call\.total"),
        ({"call__total": "30"}, r"call\.total"),
        ({"call__total": "-3s"}, r"call\.total"),
        ({"call__max_body": "1MB!"}, r"call\.max_body"),
        ({"breaker__consecutive": 5}, r"keep it below them, or the only operation of the day is dead"),
        ({"breaker__rate": 1.5}, r"breaker\.rate"),
        ({"kinds__take_payment__delays": ["0s", "1s"]}, r"has 2 attempts: keep it below them"),
        ({"retry__delays": []}, r"retry\.delays"),
        ({"limits": [{"calls": 5}]}, r"a limit is either"),
        ({"limits": [{"calls": 5, "per": "1s", "concurrent": 2}]}, r"a limit is either"),
        ({"limits": [{"concurrent": 2, "scope": ["planet"]}]}, r"limits\.0\.scope"),
        ({"limits": [{"concurrent": 2, "kind": "take_pay"}]}, r"a limit names the kind take_pay, which has no table"),
        ({"limits": [{"calls": 0.5, "per": "1s"}]}, r"limits\.0\.calls"),
        ({"kinds__take_payment__cost": 30}, r"kinds\.take_payment\.cost is 30, more than a limit of 25 can hold"),
        ({"refusals": [404]}, r"refusals"),
        ({"name": "Stripe!"}, r"name"),
        ({"queues": []}, r"queues"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        load_provider(changed(tmp_path, **changes))
    assert "\n" not in refused.value.message
    assert "stripe.toml" in refused.value.message


def test_a_file_that_is_no_toml_or_not_there_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(ConfigError, match=r"broken\.toml: not TOML"):
        load_provider(broken)
    with pytest.raises(ConfigError, match=r"cannot be read .* correct LOCKGATE_PROVIDERS"):
        load_provider(tmp_path / "missing.toml")


def test_a_later_file_replaces_an_earlier_one_of_the_same_name_whole(tmp_path: Path) -> None:
    changed(tmp_path, call__total="25s", limits=[])
    assert load_providers([tmp_path])["stripe"].file.call.total == 25.0
    assert load_providers([tmp_path])["stripe"].file.limits == ()
    assert set(load_providers([tmp_path])) == {"stripe", "postmark"}


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.toml")), ids=lambda path: path.stem)
def test_a_bundled_file_gives_a_reason_for_what_was_assumed(path: Path) -> None:
    assert load_provider(path).file.name == path.stem
    assert "assumed" in path.read_text()


def test_postmarks_settle_time_is_two_minutes_and_marked_as_assumed() -> None:
    (line,) = [row for row in (BUNDLED / "postmark.toml").read_text().splitlines() if row.startswith("settle")]
    assert "assumed" in line
    assert load_provider(BUNDLED / "postmark.toml").file.kinds["send_email"].settle == seconds("2m") == 120.0
