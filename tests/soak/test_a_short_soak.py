"""Half a minute of the soak: it runs, it is attacked, it ends, and its verdict can be turned."""

import json
import subprocess
import sys
from pathlib import Path


def soak(folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "soak", "--folder", str(folder), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def judged(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "soak.checker", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_short_soak_breaks_no_promise_and_leaves_all_that_shows_it(tmp_path: Path) -> None:
    ran = soak(tmp_path / "run", "--seed", "7", "--count", "500", "--pace", "20", "--pause", "1.5", "3")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["operations"] == report["accepted"] == 500
    assert report["violations"] == {}
    assert len(report["attacks"]) >= 6
    assert len({name.split()[0] for name in report["faults"]}) >= 15
    assert min(report["doubts"][means] for means in "KNQX") >= 5
    assert report["crashes"] == []
    assert all(one["most"] <= one["of"] for one in report["limits"])
    assert "no violation" in (tmp_path / "run" / "report.html").read_text()

    judgement = judged(tmp_path / "run")
    assert judgement.returncode == 0, judgement.stdout
    rob(tmp_path / "run" / "ledger.jsonl")
    judgement = judged(tmp_path / "run")
    assert judgement.returncode == 1
    assert "VIOLATED S1 (lost)" in judgement.stdout
    assert "--seed=7" in judgement.stdout


def rob(dump: Path) -> None:
    """Take one operation out of what the ledger said."""
    lines = dump.read_text().splitlines(keepends=True)
    victim = next(number for number, line in enumerate(lines) if line.startswith('["operations", {'))
    dump.write_text("".join(lines[:victim] + lines[victim + 1 :]))


def test_a_run_that_does_not_exist_is_not_judged(tmp_path: Path) -> None:
    judgement = judged(tmp_path)
    assert judgement.returncode == 2
    assert "python -m soak.checker FOLDER" in judgement.stdout
