"""The demo as people start and end it: as a process, by signals, more than once."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from given.deployment import eventually
from given.nowhere import NOWHERE

from demo.home import Known
from embedded.servers import forget


class Demo:
    """`python -m demo run`, in a folder."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.log = home.parent / "demo.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo", "run", "--pace", "5", *arguments],
                env=os.environ | {"LOCKGATE_HOME": str(home)}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    def says(self, text: str) -> None:
        eventually(lambda: text in self.log.read_text() or self.process.poll() is not None)
        assert text in self.log.read_text(), self.log.read_text()

    def processes(self) -> list[Known]:
        found = json.loads((self.home / "demo" / "running.json").read_text())["processes"]
        return [Known(**process) for process in found]

    def flower(self) -> tuple[str, str]:
        """Its address and password, as printed."""
        found = re.search(r"Flower … (\S+)  user lockgate  password (\S+)", self.log.read_text())
        assert found is not None
        return found[1], found[2]

    def ends(self, number: signal.Signals) -> str:
        """End it by a signal; what it said."""
        processes = self.processes()
        assert {"worker-1", "worker-2", "flower", "sandbox", "postgres", "valkey"} <= {one.name for one in processes}
        self.process.send_signal(number)
        self.process.wait(60)
        eventually(lambda: not any(process.alive for process in processes))
        return self.log.read_text()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("demo") / "home"
    yield folder
    forget(folder)


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def one(*arguments: str) -> Demo:
        started.append(Demo(home, *arguments))
        return started[-1]

    yield one
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()


def chaos(home: Path, *what: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "demo", "chaos", *what]
    environment = os.environ | {"LOCKGATE_HOME": str(home)}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def busy_port() -> Iterator[int]:
    """Flower's usual port, taken by us unless somebody else has it."""
    with socket.socket() as taken:
        with contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", 5555))
            taken.listen()
        yield 5555


def test_it_survives_chaos_and_ctrl_c_ends_all_of_it(home: Path, start: Callable[..., Demo], busy_port: int) -> None:
    demo = start()
    demo.says("workers alive 2")
    broken = chaos(home)
    assert broken.returncode == 0, broken.stderr
    assert all(word in broken.stdout for word in ("SIGKILL", "FLUSHALL", "broke"))
    demo.says("killed 1")
    url, password = demo.flower()
    assert not url.endswith(f":{busy_port}")
    assert requests.get(f"{url}/api/workers", timeout=30).status_code == 401
    assert requests.get(f"{url}/tasks", auth=("lockgate", password), timeout=30).status_code == 200
    said = demo.ends(signal.SIGINT)
    assert demo.process.returncode == 0, said
    assert "Everything is as promised." in said
    assert not (home / "demo" / "running.json").exists()


def test_it_starts_again_after_its_own_sigkill_and_sigterm_ends_it(start: Callable[..., Demo]) -> None:
    first = start()
    first.says("workers alive 2")
    first.ends(signal.SIGKILL)
    second = start()
    second.says("workers alive 2")
    assert "Everything is as promised." in second.ends(signal.SIGTERM)


def test_a_second_one_in_the_same_folder_is_refused_in_one_sentence(home: Path, start: Callable[..., Demo]) -> None:
    first = start()
    first.says("PostgreSQL … up")
    environment = os.environ | {"LOCKGATE_HOME": str(home)}
    second = subprocess.run(
        [sys.executable, "-m", "demo", "run"], env=environment, capture_output=True, text=True, check=False
    )
    assert (second.returncode, second.stderr.count("\n")) == (2, 1)
    assert "already running" in second.stderr


def test_chaos_without_a_demo_says_how_to_start_one(tmp_path: Path) -> None:
    told = chaos(tmp_path / "nothing")
    assert (told.returncode, told.stdout) == (2, "")
    assert "make run" in told.stderr
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("LOCKGATE_DATABASE_URL", "postgresql://u:p@{nowhere}/nowhere"),
        ("LOCKGATE_REDIS_URL", "redis://{nowhere}/0"),
    ],
)
def test_servers_that_are_not_there_are_named_before_anything_runs(
    tmp_path: Path, database_url: str, redis_url: str, name: str, url: str
) -> None:
    given = {"LOCKGATE_HOME": str(tmp_path), "LOCKGATE_DATABASE_URL": database_url, "LOCKGATE_REDIS_URL": redis_url}
    told = subprocess.run(
        [sys.executable, "-m", "demo", "run"], env=os.environ | given | {name: url.format(nowhere=NOWHERE)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert f"correct {name}" in told.stderr


def test_credentials_of_somebodys_are_not_used_for_a_demo(tmp_path: Path) -> None:
    given = {"LOCKGATE_HOME": str(tmp_path), "LOCKGATE_STRIPE_API_KEY": "sk_live_of_somebody"}
    told = subprocess.run(
        [sys.executable, "-m", "demo", "run"], env=os.environ | given, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "LOCKGATE_STRIPE_API_KEY is set" in told.stderr
    assert "sk_live" not in told.stderr
