"""An application's package that stands in front of one of ours is named, before it breaks us strangely."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", [["-m", "celery", "-A", "tasks", "report"], ["-c", "import tasks.payments"]])
def test_a_package_in_front_of_ours_is_named(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/__init__.py").touch()
    ended = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert f"the package 'config' in {tmp_path} stands in front of Lockgate's own: give it another name" in ended.stderr
    if "celery" in command:
        assert "Traceback" not in ended.stderr


def test_a_folder_that_is_no_package_stands_in_front_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", "import tasks"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
