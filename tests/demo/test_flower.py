"""Flower shows that a task ran, and nothing of what it was given or returned."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import config


def test_arguments_and_results_are_hidden() -> None:
    settings = runpy.run_path(str(Path(config.__file__).parent / "flower.py"))
    task = SimpleNamespace(
        args="('ada@example.com',)", kwargs="{'iban': 'GB00'}", result="{'reference': 'pi_1'}", name="n"
    )
    shown = settings["format_task"](task)
    assert (shown.args, shown.kwargs, shown.result, shown.name) == (*["(in the ledger)"] * 3, "n")
    assert settings["format_task"](SimpleNamespace(args="()", kwargs="{}", result=None)).result is None
