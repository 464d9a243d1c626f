"""The house is in order: files fit their adapters, tasks fit their kinds, and no file grows without a reason."""

import tomllib
from pathlib import Path

import pytest
from given.documents import ROOT, text, tracked

from config.load import load_providers
from config.settings import Settings
from integrations.registry import Registry
from tasks.app import app
from tasks.queues import DEFAULT, names
from tasks.task import IntegrationTask

PACKAGES = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["root_packages"]
PROVIDERS = load_providers(())
NOWHERE = {
    "LOCKGATE_DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing",
    "LOCKGATE_REDIS_URL": "redis://127.0.0.1:1/0",
    "LOCKGATE_DATA_KEY": "x",
}

#: Files that are longer than most, and why they are one.
LONG = {
    "ledger/accept.py": "one statement and the three answers to what it found; apart they would be read together",
    "ledger/claim.py": "one statement, what it is given and what is made of its answer",
    "ledger/record.py": "one statement, and the new values that each decision gives it",
    "ledger/tables.py": "the schema, read from top to bottom",
    "tasks/attempt.py": "the steps of one attempt, in a row",
    "tasks/results.py": "one class that Celery makes and calls, results and chords",
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(Settings.from_environment(NOWHERE))


def test_every_provider_has_its_folder_its_file_and_its_tests() -> None:
    folders = {path.parent.name for path in (ROOT / "integrations").glob("*/adapter.py")}
    assert folders == set(PROVIDERS) == {path.stem for path in (ROOT / "config/providers").glob("*.toml")}
    assert {path.name for path in (ROOT / "tests/providers").iterdir() if path.is_dir()} - {"__pycache__"} == folders


def test_every_folder_of_a_provider_has_the_same_files() -> None:
    for name in PROVIDERS:
        files = {path.name for path in (ROOT / "integrations" / name).glob("*.py")}
        assert {"__init__.py", "adapter.py", "outbound.py", "replies.py"} <= files, name


def test_every_file_fits_its_adapter(registry: Registry) -> None:
    for name, provider in registry.providers.items():
        assert provider.adapter.name == name
        assert {f"{name}.{kind}" for kind in provider.file.kinds} == {kind.name for kind in provider.adapter.kinds}


def test_every_kind_has_a_task_and_every_task_a_kind(registry: Registry) -> None:
    app.loader.import_task_module("tasks.payments")
    app.loader.import_task_module("tasks.mail")
    declared = {
        task.kind_name for task in app.tasks.values()
        if isinstance(task, IntegrationTask) and task.name.startswith("tasks.")
    }  # fmt: skip
    assert declared == set(registry.kinds)


def test_no_two_providers_share_a_queue(registry: Registry) -> None:
    queues = [queue for provider in registry.providers.values() for queue in provider.file.queues]
    assert sorted(names(registry)) == sorted([DEFAULT, *queues])


def test_every_number_of_a_provider_file_stands_beside_a_source_or_a_reason() -> None:
    for name in PROVIDERS:
        content = text(f"config/providers/{name}.toml")
        assert content.startswith(f"# {name.capitalize()}. Sources: "), name
        assert content.count(" # ") >= 5, name


def test_no_file_is_long_without_a_reason() -> None:
    sources = [name for name in tracked() if name.endswith(".py") and Path(name).parts[0] in PACKAGES]
    long = {name for name in sources if len(text(name).splitlines()) > 300 and "/migrations/versions/" not in name}
    assert long - set(LONG) == set(), "cut it, or say in LONG why it is one"


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "misc"}
    assert {name for name in tracked() if Path(name).suffix == ".py" and Path(name).stem in vague} == set()
