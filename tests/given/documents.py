"""The repository's documents, as tests read them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def text(name: str) -> str:
    """A file of the repository."""
    return (ROOT / name).read_text()


def documents() -> list[Path]:
    """Every Markdown file of ours."""
    return [path for path in (ROOT / name for name in tracked()) if path.suffix == ".md"]


def tracked() -> list[str]:
    """Every file that belongs to the repository, also those not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text(name), re.DOTALL | re.MULTILINE)


def rows(name: str, under: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head; code marks are taken off."""
    section = text(name).partition(f"# {under}\n")[2]
    assert section, f"{name} has no heading {under!r}"
    table = re.search(r"^\|.*(?:\n\|.*)*", section, re.MULTILINE)
    assert table, f"{name}: no table under {under!r}"
    lines = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in table[0].splitlines()]
    return [[cell.strip().strip("`").replace(r"\|", "|") for cell in line] for line in lines[2:]]


def column(name: str, under: str) -> list[str]:
    """The first cells of a table."""
    return [row[0] for row in rows(name, under)]


def files(name: str) -> dict[str, str]:
    """The fenced blocks that a document gives a file's name."""
    found = re.findall(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", text(name), re.DOTALL | re.MULTILINE)
    return dict(found)
