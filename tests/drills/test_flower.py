"""Flower by hand: it asks for a password, or does not start."""

import subprocess
import sys
from pathlib import Path

import requests
from given.deployment import Deployment, eventually

from embedded.process import free_port

FLOWER = [sys.executable, "-m", "celery", "-A", "tasks", "flower"]


def test_flower_without_authentication_does_not_start(deployment: Deployment) -> None:
    ended = subprocess.run(
        [*FLOWER, f"--port={free_port()}"],
        env=deployment.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "set FLOWER_BASIC_AUTH=user:password" in ended.stderr


def test_flower_with_a_password_asks_for_it(deployment: Deployment, tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "flower.log").open("wb") as log:
        process = subprocess.Popen(
            [*FLOWER, "--address=127.0.0.1", f"--port={port}"],
            env=deployment.environment | {"FLOWER_BASIC_AUTH": "somebody:something"}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or _status(f"http://127.0.0.1:{port}/healthcheck") == 200)
        assert process.poll() is None, (tmp_path / "flower.log").read_text()
        assert _status(f"http://127.0.0.1:{port}/workers") == 401
        assert _status(f"http://somebody:something@127.0.0.1:{port}/workers") == 200
    finally:
        process.kill()
        process.wait()


def _status(url: str) -> int:
    try:
        return requests.get(url, timeout=60).status_code
    except requests.ConnectionError:
        return 0
