"""What another terminal needs of a running demo, and what it tells it."""

import subprocess
from pathlib import Path

from demo.home import Home


def test_the_environment_is_offered_as_a_shell_reads_it_and_to_nobody_else(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.folder.mkdir()
    path = home.offer({"LOCKGATE_DATABASE_URL": "postgresql://a:it's; $HOME@h/d"})
    heard = subprocess.run(["sh", "-c", f". {path}; printenv LOCKGATE_DATABASE_URL"], capture_output=True, check=True)
    assert heard.stdout.decode() == "postgresql://a:it's; $HOME@h/d\n"
    assert path.stat().st_mode & 0o077 == 0
    home.leave()
    assert not path.exists()


def test_what_is_done_from_another_terminal_is_heard_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.folder.mkdir()
    assert home.noted(0) == []
    home.note("flush", "emptied Valkey (FLUSHALL)")
    assert home.noted(0) == [("flush", "emptied Valkey (FLUSHALL)")]
    assert home.noted(1) == []


def test_a_new_run_hears_nothing_of_what_was_done_to_one_that_ended_uncleanly(tmp_path: Path) -> None:
    killed = Home(tmp_path)
    killed.enter()
    killed.note("flush", "emptied Valkey (FLUSHALL)")
    killed.offer({})
    killed._lock.close()  # as its SIGKILL would
    fresh = Home(tmp_path)
    fresh.enter()
    assert fresh.noted(0) == []
    assert not fresh.path("environment").exists()
    fresh._lock.close()
