"""The examples that people copy are carried out as they stand, by a real worker."""

import inspect
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests
from given.deployment import PATIENCE, Deployment, Sandbox
from given.documents import blocks, column, files

from operations.errors import Declined
from tasks.app import app
from tasks.task import IntegrationTask

PAGE = "docs/adding-a-provider.md"


@pytest.fixture
def shop(deploy: Callable[..., Deployment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A deployment with the provider of the page, whose files are the page's own."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, content in files(PAGE).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    monkeypatch.syspath_prepend(str(folder))
    place = tmp_path / "warehouse"
    place.mkdir()
    warehouse = Sandbox(place)
    deployment = deploy(
        more={
            "LOCKGATE_PROVIDERS": f"{tmp_path / 'providers'}:{folder / 'warehouse.toml'}",
            "LOCKGATE_TASKS": "shop",
            "LOCKGATE_WAREHOUSE_TOKEN": "a-token",
            "LOCKGATE_WAREHOUSE_BASE_URL": warehouse.urls["plain"],
            "PYTHONPATH": str(folder),
        }
    )
    yield deployment, warehouse
    warehouse.stop()
    app.tasks.pop("shop.make_thing", None)
    for name in ("shop", "warehouse"):
        sys.modules.pop(name, None)


def test_a_provider_of_ones_own_works_as_the_page_says(shop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    deployment, warehouse = shop
    deployment.worker()
    (use,) = [block for block in blocks(PAGE, "python") if "from shop import" in block]
    exec(compile(use, PAGE, "exec"), {})  # noqa: S102  the page's own words are what is tried
    (made,) = warehouse.effects()
    assert capsys.readouterr().out.strip() == made["reference"]


def test_a_thing_that_was_made_before_the_answer_was_lost_is_found_and_made_once(shop: Any) -> None:
    deployment, warehouse = shop
    deployment.worker()
    warehouse.fault("F05", variant="after", times=1, match={"path_prefix": "/things", "method": "POST"})
    result = import_module("shop").make_thing.delay(reference="shelf-8").get(timeout=PATIENCE)
    (made,) = warehouse.effects()
    assert result["reference"] == made["reference"]


def test_somebody_elses_thing_of_that_name_is_a_refusal(shop: Any) -> None:
    deployment, warehouse = shop
    deployment.worker()
    theirs = {"reference": "shelf-9", "lockgate_key": "somebody"}
    requests.post(
        f"{warehouse.urls['plain']}/things", json=theirs, headers={"Authorization": "Bearer b"}, timeout=10
    ).raise_for_status()
    with pytest.raises(Declined, match="taken"):
        import_module("shop").make_thing.delay(reference="shelf-9").get(timeout=PATIENCE)


def test_every_block_about_using_it_runs_as_it_stands(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCKGATE_DATABASE_URL", deployment.environment["LOCKGATE_DATABASE_URL"])
    deployment.worker(concurrency=8)
    names: dict[str, Any] = {}
    told = blocks("docs/using.md", "python")
    for block in told:
        exec(compile(block, "docs/using.md", "exec"), names)  # noqa: S102  the page's own words are what is tried
    names["engine"].dispose()
    (printed,) = capsys.readouterr().out.splitlines()
    assert f"# {printed}\n" in "".join(told)
    charges = [effect for effect in deployment.sandbox.effects() if effect["effect"] == "charge" and effect["standing"]]
    assert len(charges) == 24


def test_every_error_that_a_caller_may_meet_is_explained() -> None:
    raised = re.findall(
        r"^    (\w+): ", (inspect.getdoc(IntegrationTask.apply_async) or "").partition("Raises:")[2], re.MULTILINE
    )
    assert set(column("docs/using.md", "Ask for an operation")) == set(raised)
