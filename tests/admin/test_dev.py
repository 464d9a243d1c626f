"""Servers to try Lockgate with, from a shell that has nothing but its PATH."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from given.console import SCRIPT, Console
from given.deployment import eventually

from embedded import servers
from ledger.seal import Sealer


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Console]:
    """A shell in which no variable of ours is set but the folder."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE_")}
    home = tmp_path / "home"
    yield Console(bare | {"LOCKGATE_HOME": str(home)})
    if home.exists():
        servers.stop(home)
        servers.forget(home)


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def exported(page: str) -> dict[str, str]:
    lines = [line.removeprefix("export ").partition("=") for line in page.splitlines()]
    return {name: value.strip("'") for name, _, value in lines}


def test_servers_go_up_once_and_come_down(shell: Console) -> None:
    home = Path(shell.environment["LOCKGATE_HOME"])
    first, second = shell.run("dev", "up"), shell.run("dev", "up")
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert "started" in first.err
    assert "they run already" in second.err
    assert first.out == second.out
    assert set(exported(first.out)) == {"LOCKGATE_DATABASE_URL", "LOCKGATE_REDIS_URL", "LOCKGATE_DATA_KEY"}
    running = servers.find(home)
    assert running is not None

    assert shell.run("dev", "down").code == 0
    assert servers.find(home) is None
    assert not [pid for pid in (running.postgres_pid, running.valkey_pid) if runs(pid)]
    assert "no servers run" in shell.run("dev", "down").out


def test_of_two_at_once_one_starts_them_and_both_are_told_where(shell: Console) -> None:
    both = [shell.start("dev", "up") for _ in range(2)]
    (first, _), (second, _) = (process.communicate(timeout=120) for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert first == second


def test_what_one_lost_server_leaves_behind_is_started_anew(shell: Console) -> None:
    home = Path(shell.environment["LOCKGATE_HOME"])
    assert shell.run("dev", "up").code == 0
    before = servers.find(home)
    assert before is not None
    os.kill(before.valkey_pid, signal.SIGKILL)
    eventually(lambda: servers.find(home) is None)
    assert "started" in shell.run("dev", "up").err
    after = servers.find(home)
    assert after is not None
    assert not runs(before.postgres_pid)


def test_what_up_prints_is_all_that_a_shell_needs(shell: Console) -> None:
    script = (
        f'eval "$({SCRIPT} dev up)" && {SCRIPT} migrate && {SCRIPT} deadletter list && {SCRIPT} provider status && '
        f'{SCRIPT} dev down && eval "$({SCRIPT} dev up)" && {SCRIPT} migrate'
    )  # fmt: skip
    done = subprocess.run(
        ["sh", "-c", script], env=dict(shell.environment), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no open dead letters" in done.stdout
    assert done.stdout.strip().splitlines()[-1] == "the ledger's tables were up to date already"


def test_a_number_that_another_program_has_by_now_is_left_alone(shell: Console, tmp_path: Path) -> None:
    sleeper = subprocess.Popen(["sleep", "600"])
    home = tmp_path / "home"
    home.mkdir()
    (home / "servers.json").write_text(
        '{"database_url": "postgresql://x", "redis_url": "redis://x", '
        f'"postgres_pid": {sleeper.pid}, "valkey_pid": {sleeper.pid}}}'
    )
    assert "no servers run" in shell.run("dev", "down").out
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


def test_a_key_that_is_made_seals(shell: Console, tmp_path: Path) -> None:
    made, other = (shell.run("dev", "key").out.strip() for _ in range(2))
    assert made != other
    for key in (made, servers.data_key(tmp_path)):
        sealed = Sealer(key).seal({"a": 1}, column="c", tenant="t", row="r")
        assert Sealer(key).open(sealed, column="c", tenant="t", row="r") == {"a": 1}
