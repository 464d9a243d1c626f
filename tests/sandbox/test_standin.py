"""A stand-in plays what its description says: keys that are honoured, values that are unique, lists that are searched."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from .running import ROOT, Box

BOOKING = """
name = "parcels"
token = "X-Parcel-Token"

[[makes]]
effect = "parcel"
path = "/v2/parcels"
id = "data.id"
key = "Parcel-Key"
mark = "meta.ours"
find = "/v2/parcels/{id}"

[[makes]]
effect = "label"
path = "/v2/labels"
unique = "number"
mark = "ours"
find = "/v2/labels/{number}"

[[makes]]
effect = "note"
path = "/v2/notes"
status = 202
mark = "ours"
find = "/v2/notes"
find_by = { ours = "ours" }
list = "found"
"""


@pytest.fixture
def parcels(tmp_path: Path) -> Iterator[Box]:
    (tmp_path / "parcels.toml").write_text(BOOKING)
    box = Box(tmp_path / "journal.jsonl")
    box.start("--standin", str(tmp_path / "parcels.toml"))
    yield box
    box.end()


def call(box: Box, path: str, body: Any = None, *, who: str = "one", **headers: str) -> requests.Response:
    url = box.urls["parcels"] + path
    more = {"X-Parcel-Token": who} | {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request("GET" if body is None else "POST", url, json=body, headers=more, timeout=60)


def test_the_first_answer_under_a_key_is_the_answer(parcels: Box) -> None:
    wish = {"meta": {"ours": "k1"}, "weight": 3}
    made, again = (call(parcels, "/v2/parcels", wish, Parcel_Key="a") for _ in range(2))
    other = call(parcels, "/v2/parcels", wish | {"weight": 4}, Parcel_Key="a")
    assert (made.status_code, made.content) == (201, again.content)
    assert (other.status_code, other.json()["error"]) == (409, "mismatch")
    (parcel,) = parcels.effects("k1")
    assert (parcel["effect"], parcel["reference"]) == ("parcel", made.json()["data"]["id"])
    assert call(parcels, f"/v2/parcels/{parcel['reference']}").json() == made.json()


def test_a_500_is_kept_under_the_key_as_well(parcels: Box) -> None:
    parcels.order("/faults", fault="F09", match={"provider": "parcels"}, times=1)
    wish = {"meta": {"ours": "k2"}}
    assert [call(parcels, "/v2/parcels", wish, Parcel_Key="b").status_code for _ in range(2)] == [500, 500]
    assert len(parcels.effects("k2")) == 1


def test_a_unique_value_is_taken_once_and_told_to_everybody(parcels: Box) -> None:
    wish = {"number": "L1", "ours": "k3"}
    made = call(parcels, "/v2/labels", wish)
    taken = call(parcels, "/v2/labels", wish, who="two")
    assert (made.status_code, taken.status_code, taken.json()["id"]) == (201, 409, made.json()["id"])
    assert call(parcels, "/v2/labels/L1", who="two").json()["ours"] == "k3"
    assert call(parcels, "/v2/labels/L2").status_code == 404


def test_a_list_is_searched_by_our_key_in_ones_own_account_and_lags_when_told_to(parcels: Box) -> None:
    assert call(parcels, "/v2/notes", {"ours": "k4"}).status_code == 202
    assert [one["ours"] for one in call(parcels, "/v2/notes?ours=k4").json()["found"]] == ["k4"]
    assert call(parcels, "/v2/notes?ours=k4", who="two").json() == {"found": []}
    parcels.order("/faults", fault="F24", form="absent", match={"business": "k4"}, times=1)
    assert call(parcels, "/v2/notes?ours=k4").json() == {"found": []}


def test_what_it_knows_survives_a_restart(parcels: Box, tmp_path: Path) -> None:
    call(parcels, "/v2/labels", {"number": "L5", "ours": "k5"})
    call(parcels, "/v2/parcels", {"meta": {"ours": "k6"}}, Parcel_Key="c")
    parcels.end()
    parcels.start("--standin", str(tmp_path / "parcels.toml"))
    assert call(parcels, "/v2/labels", {"number": "L5", "ours": "other"}).status_code == 409
    call(parcels, "/v2/parcels", {"meta": {"ours": "k6"}}, Parcel_Key="c")
    assert len(parcels.effects("k6")) == 1


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ("", "say with a table [[makes]] at which path what is done"),
        ('name = "x"\n[[makes]]\neffect = "e"\n', "path is missing"),
        ('name = "x"\n[[makes]]\neffect = "e"\npath = "things"\n', "is no path"),
        ('name = "x"\n[[makes]]\neffect = "e"\npath = "/things"\nkeys = "Key"\n', "keys is not known here"),
        ('name = "x"\n[[makes]]\neffect = "e"\npath = "/things"\nstatus = "201"\n', "must be a number"),
        ('name = "stripe"\n[[makes]]\neffect = "e"\npath = "/things"\n', "none of stripe"),
        ("name = ", "not TOML"),
    ],
)
def test_a_description_that_cannot_be_played_is_refused_with_a_sentence(
    tmp_path: Path, description: str, said: str
) -> None:
    (tmp_path / "x.toml").write_text(description)
    refused = refusal(tmp_path, str(tmp_path / "x.toml"))
    assert said in refused


@pytest.mark.parametrize("name", ["nowhere.toml", "no.such.module:Front", "sandbox.plain.front:Nobody", "json"])
def test_a_stand_in_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    assert name in refusal(tmp_path, name)


def refusal(tmp_path: Path, standin: str) -> str:
    command = [sys.executable, "-m", "sandbox", "--journal", str(tmp_path / "journal.jsonl"), "--standin", standin]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=30)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    return line
