"""Names of an intent: equal ones for equal intents, and none that tells what it was made of."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations import keys

SECRET = b"the ledger's identity"
ABOUT = {"tenant": "acme", "provider": "stripe", "kind": "stripe.take_payment", "business_key": "order:1:payment"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def key(generation: int = 1, secret: bytes = SECRET, **changes: str) -> str:
    return keys.idempotency_key(secret, **ABOUT | changes, generation=generation)


def test_the_key_is_the_same_for_ever_and_fits_everywhere() -> None:
    assert key() == key()
    assert len(key()) == keys.IDEMPOTENCY_KEY_LENGTH == 40
    assert set(key()) <= set("0123456789abcdef")


def test_names_of_earlier_versions_are_found_again() -> None:
    assert key() == "723d00242f8dc4a94fda3893ee14567a37daa78c"
    assert key(2, business_key='a"b\u00e9\n\u2028') == "649241e49ccec1c8236bda89cc9a0f6d1b2ef696"
    assert str(keys.business_key_id(SECRET, **ABOUT)) == "ef7433f2-d906-03d9-98bc-f3eb8e05b7b3"
    given = {"email": "jo@customer.example", "b": [1, None, True, 1e16], "a": "\u00e9"}
    digest = "69583eed677dc41ab3b0c62db329081ce893bd52006656e11ca1f87dc94ff939"
    assert keys.digest(SECRET, schema_version=1, given=given).hex() == digest


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "globex"},
        {"provider": "plain"},
        {"kind": "stripe.start_payment"},
        {"business_key": "order:2:payment"},
    ],
)
def test_another_intent_has_another_key(other: dict[str, str]) -> None:
    assert key(**other) != key()
    assert keys.business_key_id(SECRET, **ABOUT | other) != keys.business_key_id(SECRET, **ABOUT)


def test_the_next_generation_and_another_ledger_have_other_keys() -> None:
    assert len({key(), key(2), key(secret=b"another")}) == 3
    assert keys.business_key_id(SECRET, **ABOUT) == keys.business_key_id(SECRET, **ABOUT)


def test_parts_that_run_into_each_other_are_told_apart() -> None:
    assert key(tenant="a", provider="bc") != key(tenant="ab", provider="c")
    assert key(tenant='a","b', provider="c") != key(tenant="a", provider='b","c')


@settings(max_examples=200, deadline=None, derandomize=True)
@given(value=st.dictionaries(st.text(), JSON, max_size=5))
def test_equal_values_have_one_encoding_in_any_order(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    try:
        assert keys.canonical(value) == keys.canonical(turned)
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(letter) <= 0xDFFF for letter in repr(value).encode().decode("unicode_escape"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        keys.canonical({"amount": value})


@pytest.mark.parametrize("value", [Decimal("1.0"), datetime.now(UTC), {1, 2}, b"x", object()])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        keys.canonical({"x": value})


def test_a_digest_depends_on_the_values_the_schema_and_the_secret_and_shows_none_of_them() -> None:
    one = keys.digest(SECRET, schema_version=1, given={"email": "jo@customer.example"})
    assert one == keys.digest(SECRET, schema_version=1, given={"email": "jo@customer.example"})
    assert len(one) == 32
    others = [
        keys.digest(SECRET, schema_version=2, given={"email": "jo@customer.example"}),
        keys.digest(b"other", schema_version=1, given={"email": "jo@customer.example"}),
        keys.digest(SECRET, schema_version=1, given={"email": "mo@customer.example"}),
    ]
    assert len({one, *others}) == 4


def test_new_ids_grow() -> None:
    made = [keys.new_id() for _ in range(200)]
    assert len(set(made)) == 200
    assert all(one.version == 7 and one.variant == uuid.RFC_4122 for one in made)
    assert [one.int >> 80 for one in made] == sorted(one.int >> 80 for one in made)
