"""JSON in few bytes: the same as `json.dumps` writes, letter for letter, for what is stored is compared for ever."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations import compact

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@pytest.fixture(params=["C", "Python"])
def made_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "Python":
        monkeypatch.setattr(compact, "_make", None)


@pytest.mark.usefixtures("made_by")
@pytest.mark.parametrize("how", [{}, {"sort_keys": True, "ensure_ascii": False, "allow_nan": False}])
def test_it_writes_what_json_would_without_spaces(how: dict[str, bool]) -> None:
    encode = compact.encoder(**how)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(value=JSON)
    def alike(value: Any) -> None:
        assert encode(value) == json.dumps(value, separators=(",", ":"), **how)

    alike()


@pytest.mark.usefixtures("made_by")
def test_it_refuses_what_json_refuses() -> None:
    encode = compact.encoder(allow_nan=False)
    with pytest.raises(TypeError, match="datetime is not JSON serializable"):
        encode({"at": datetime.now(UTC)})
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode([float("nan")])
    assert compact.encoder()(float("inf")) == "Infinity"


@pytest.mark.usefixtures("made_by")
def test_a_value_that_holds_itself_ends() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(RecursionError):
        compact.encoder()(ring)
