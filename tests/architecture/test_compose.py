"""docker-compose.yml cannot be run by the tests, so its parts are compared with what they must fit."""

import re
import shlex
import tomllib
from typing import Any

import pytest
import yaml
from given.documents import ROOT, text

from admin.cli.admin import serve
from config.load import load_providers
from config.settings import NAMES, credential_name
from integrations import postmark, stripe
from sandbox.__main__ import PORTS

COMPOSE: dict[str, Any] = yaml.safe_load(text("docker-compose.yml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = dict(line.split("=", 1) for line in text(".env.example").splitlines() if line and not line.startswith("#"))
SECRETS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_BASIC_AUTH", "LOCKGATE_DATA_KEY"}
PINNED = re.compile(r"[\w./-]+:\d+\.\d+(?:\.\d+)?[\w.-]*")
ADAPTERS = (stripe.ADAPTER, postmark.ADAPTER)


def words(name: str) -> list[str]:
    command = SERVICES[name]["command"]
    return command if isinstance(command, list) else shlex.split(command)


def test_the_services_that_must_be_there_are() -> None:
    assert set(SERVICES) == {"postgres", "redis", "migrate", "worker", "flower", "admin", "sandbox"}


def test_every_queue_is_read_by_a_worker() -> None:
    queues = {"lockgate", *(queue for loaded in load_providers(()).values() for queue in loaded.file.queues)}
    assert set(words("worker")[words("worker").index("-Q") + 1].split(",")) == queues


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if SERVICES[name]["restart"] == "no":
        assert check == {"disable": True}
    else:
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert {"interval", "timeout", "retries"} <= set(check)


def test_who_needs_another_service_waits_until_it_is_fit() -> None:
    for name in ("worker", "flower", "admin"):
        needs = SERVICES[name]["depends_on"]
        assert needs["migrate"] == {"condition": "service_completed_successfully"}
        assert needs["redis"] == {"condition": "service_healthy"}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_images_are_pinned() -> None:
    for name, service in SERVICES.items():
        assert PINNED.fullmatch(service["image"]), name
    bases = re.findall(r"^FROM (\S+)", text("Dockerfile"), re.MULTILINE)
    assert bases
    assert all(PINNED.fullmatch(base) for base in bases)


def test_our_image_carries_the_version_of_the_project() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert {service["image"] for service in SERVICES.values() if "build" in service} == {f"lockgate:{version}"}


def test_a_secret_that_is_missing_ends_the_start() -> None:
    asked = re.findall(r"(?<!\$)\$\{?(\w+)(:\?)?", text("docker-compose.yml"))
    assert {name for name, _ in asked} == SECRETS
    assert all(must for _, must in asked)
    assert {name for name in SECRETS if EXAMPLE[name] == ""} == SECRETS


def test_the_environment_has_only_names_that_are_known() -> None:
    known = set(NAMES) | {f"LOCKGATE_{adapter.name.upper()}_BASE_URL" for adapter in ADAPTERS}
    known |= {credential_name(adapter.name, field, "default") for adapter in ADAPTERS for field in adapter.credentials}
    given = {*EXAMPLE, *(name for service in SERVICES.values() for name in service.get("environment", {}))}
    assert {name for name in given if name.startswith("LOCKGATE_")} - known == set()


def test_only_this_machine_is_let_in_and_the_stores_let_nobody_in() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert not {"postgres", "redis"} & {name for name, service in SERVICES.items() if "ports" in service}


def test_the_stores_keep_what_they_said_they_kept() -> None:
    assert "synchronous_commit=on" in words("postgres")
    redis = words("redis")
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_commands_are_ones_that_exist() -> None:
    scripts = tomllib.loads(text("pyproject.toml"))["project"]["scripts"]
    assert words("migrate")[0] in scripts
    assert words("worker")[:4] == ["celery", "-A", "tasks", "worker"]
    assert words("flower")[:4] == ["celery", "-A", "tasks", "flower"]
    assert words("admin")[:3] == ["lockgate", "admin", "serve"]
    assert set(words("admin")[3:]) >= {
        option.opts[0] for option in serve.params if option.name in {"host", "port", "behind_proxy"}
    }
    told = words("sandbox")
    assert told[:3] == ["python", "-m", "sandbox"]
    assert {word for word in told if word.endswith("-port")} == {f"--{name}-port" for name in PORTS}


def test_the_sandbox_stands_where_the_example_says() -> None:
    told = words("sandbox")
    for adapter in ADAPTERS:
        port = told[told.index(f"--{adapter.name}-port") + 1]
        assert EXAMPLE[f"LOCKGATE_{adapter.name.upper()}_BASE_URL"] == f"http://sandbox:{port}"


def test_the_worker_gets_longer_to_stop_than_any_call_takes() -> None:
    longest = max(loaded.file.call.total for loaded in load_providers(()).values())
    assert float(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > longest


def test_no_secret_is_committed() -> None:
    assert ".env" in text(".gitignore").splitlines()
    assert ".env" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_stand_in_for_strangers_is_given_no_secret() -> None:
    assert not SERVICES["sandbox"]["env_file"]
    assert not SERVICES["sandbox"]["environment"]
