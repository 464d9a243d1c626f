"""What documents point to is there."""

import re
from pathlib import Path

import pytest
from given.documents import DOCS, ROOT, documents, text, tracked

DECISIONS = sorted(path for path in (DOCS / "decisions").glob("0*.md"))
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|toml|yml|lua|txt))`")
_MENTIONED = re.compile(r"\bdocs/[\w./-]*\w")


def anchors(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in _LINK.findall(path.read_text()):
        if re.match(r"\w+://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name) if name else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(path: Path) -> None:
    for name in _PATH.findall(path.read_text()):
        if path.name != "adding-a-provider.md":
            assert (ROOT / name).exists() or (path.parent / name).exists(), name


def test_every_page_that_the_code_names_is_there() -> None:
    for name in tracked():
        if Path(name).suffix not in {".py", ".toml", ".yml", ".md"} or Path(name).name == "test_documents.py":
            continue
        for page in _MENTIONED.findall(text(name).replace("https://", "")):
            if "stripe.com/docs" in text(name) and page.startswith("docs/error-codes"):
                continue
            assert (ROOT / page).exists() or list((ROOT / page).parent.glob(Path(page).name + "*")), f"{name}: {page}"


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_its_four_parts_and_names_a_test_that_is_there(path: Path) -> None:
    content = path.read_text()
    for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Enforced by**"):
        assert content.count(part) == 1, part
    enforced = content.partition("**Enforced by**")[2]
    assert re.search(r"tests/|make contracts", enforced)
    for name in re.findall(r"`(tests/[\w/]+/)`", enforced):
        assert (ROOT / name).is_dir(), name


def test_every_decision_is_listed_in_order() -> None:
    listed = re.findall(r"^- \[(\d+)\]\(([\w.-]+)\) (.+)$", text("docs/decisions/README.md"), re.MULTILINE)
    assert [name for _, name, _ in listed] == [path.name for path in DECISIONS]
    for (number, name, title), place in zip(listed, range(1, len(listed) + 1), strict=True):
        assert int(number) == place
        assert (DOCS / "decisions" / name).read_text().startswith(f"# {number} {title}\n")
