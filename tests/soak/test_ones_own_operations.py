"""Operations of one's own, as docs/adding-a-provider.md has them, are put to the soak by the command that it gives."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from given.console import SCRIPT
from given.documents import blocks, files

PAGE = "docs/adding-a-provider.md"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, content in files(PAGE).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def soak(shop: Path, *more: str, ours: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """The page's own command, and more."""
    (command,) = [block for block in blocks(PAGE, "sh") if "lockgate soak" in block]
    given = [(ours or {}).get(word, word) for word in command.split()[1:]]
    return subprocess.run(
        [str(SCRIPT), *given, "--folder", "run", *more], cwd=shop, capture_output=True, text=True, check=False
    )


def test_the_pages_own_shop_is_put_to_the_soak(shop: Path) -> None:
    ran = soak(shop, "--seed", "5", "--count", "200", "--pace", "12", "--pause", "2", "4", "--only=N2", "--only=N8")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads((shop / "run" / "report.json").read_text())
    assert report["operations"] == report["accepted"] == 200
    assert report["doubts"]["N"] >= 10
    assert {one["limit"] for one in report["limits"]} == {"warehouse: 10 in 1 s per tenant"}
    assert report["command"].startswith("lockgate soak --seed=5")
    assert "call.lease 4s" in ran.stdout
    assert json.loads((shop / "run" / "terms.json").read_text())["kinds"][0]["name"] == "warehouse.make_thing"


def test_an_adapter_that_takes_an_error_for_a_success_is_found_out(shop: Path) -> None:
    hasty = "    def outcome(self, reply):\n        if reply.status >= 500:\n            return Succeeded('surely')\n"
    change(shop / "warehouse" / "__init__.py", "    def outcome(self, reply):\n", hasty)
    ran = soak(shop, "--seed", "5", "--count", "120", "--pace", "12", "--only=none")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "VIOLATED S3" in ran.stdout


def change(path: Path, before: str, after: str) -> None:
    content = path.read_text()
    assert before in content
    path.write_text(content.replace(before, after))


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("shop_soak.py", 'key="thing:{}"', 'key="thing-{}"', "its business key is 'thing:s0-1', and 'thing-s0-1'"),
        ("warehouse.toml", 'settle = "5s"', 'settle = "1s"', "a look-up lags by less than settle"),
        ("warehouse.toml", 'per   = "1s"', 'per   = "1m"', "10 in 60 s per tenant is too little: use --pace 0.44"),
        ("standin.toml", 'name = "warehouse"', 'name = "warehaus"', "nothing stands in for warehouse"),
        ("shop_soak.py", 'key="thing:{}"', 'key="thing"', "key holds {} once"),
        ("shop_soak.py", "OPERATIONS = ", "OPS = ", "shop_soak declares no OPERATIONS"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_asked_for(
    shop: Path, file: str, before: str, after: str, said: str
) -> None:
    change(shop / file, before, after)
    ran = soak(shop)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    *_, last = ran.stdout.splitlines()
    assert last.startswith("the soak could not be run: ")
    assert said in last
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("shop_soak.py", 'path="/things"', 'path="/stuff"', "is sent by POST to /things, and not by POST to /stuff"),
        (
            "shop_soak.py",
            '"shop.make_thing"',
            '"shop.make_stuff"',
            "shop.make_stuff is no integration_task of that kind",
        ),
        ("shop_soak.py", '"shop.make_thing"', '"shup.make_thing"', "cannot be imported"),
        ("shop_soak.py", '{"reference": name}', '{"name": name}', "does not take the arguments {'name': 's0-1'}"),
        ("shop_soak.py", '"warehouse.make_thing"', '"warehouse.make_stuff"', "there is no kind 'warehouse.make_stuff'"),
        ("warehouse.toml", 'means  = "N"', 'means  = "K"', "kinds.make_thing"),
    ],
)
def test_before_a_run_tasks_keys_and_paths_are_compared_with_what_is_declared(
    shop: Path, file: str, before: str, after: str, said: str
) -> None:
    change(shop / file, before, after)
    environment = os.environ | {
        "LOCKGATE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere", "LOCKGATE_REDIS_URL": "redis://127.0.0.1:1",
        "LOCKGATE_DATA_KEY": "k" * 43, "LOCKGATE_PROVIDERS": "warehouse.toml", "SOAK_OPERATIONS": "shop_soak",
    }  # fmt: skip
    command = [sys.executable, "-m", "soak.subject.preflight"]
    looked = subprocess.run(command, cwd=shop, env=environment, capture_output=True, text=True, check=False)
    assert (looked.returncode, looked.stderr) == (1, "")
    assert said in looked.stdout
    assert len(looked.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("word", "instead", "said"),
    [
        ("shop_soak", "shop_sauk", "the operations shop_sauk cannot be imported"),
        ("warehouse.toml", "nowhere.toml", "nowhere.toml: cannot be read"),
    ],
)
def test_what_is_not_there_is_named(shop: Path, word: str, instead: str, said: str) -> None:
    ran = soak(shop, ours={word: instead})
    assert (ran.returncode, ran.stderr) == (2, "")
    assert said in ran.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--without", "F99"), "--without F99 is no fault that is played"),
        (("--pace", "0"), "--pace is operations per second"),
    ],
)
def test_options_that_mean_nothing_are_refused(shop: Path, more: tuple[str, str], said: str) -> None:
    ran = soak(shop, *more)
    assert ran.returncode == 2
    assert said in ran.stdout.splitlines()[-1]
