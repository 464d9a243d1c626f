"""Tables: whole in a pipe, and no wider than a terminal."""

import os

import pytest

from admin.cli import paper

COLUMNS = ("id", "tenant", "business key", "why", "24 h")
ROWS = [
    ("dl_123456", "acme", f"order:{'9' * 60}:payment", "resource_missing", "·" * 24),
    ("dl_1", "globex", "", "", ""),
]


def written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int | None, *spare: str
) -> list[str]:
    if width is not None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((width, 40)))
    paper.table(COLUMNS, ROWS, spare=spare)
    return capsys.readouterr().out.splitlines()


def test_a_pipe_gets_everything(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = written(monkeypatch, capsys, None, "24 h")
    assert str(ROWS[0][2]) in lines[1]
    assert lines[0].endswith("24 h")


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_terminal_gets_no_line_that_breaks_and_every_name_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    lines = written(monkeypatch, capsys, width, "24 h")
    assert max(len(line) for line in lines) <= width
    assert lines[1].startswith("dl_123456 ")
    assert "…" in lines[1]


def test_what_fits_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "…" not in "".join(lines := written(monkeypatch, capsys, 200, "24 h"))
    assert "24 h" in lines[0]
