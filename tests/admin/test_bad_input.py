"""Whatever is wrong is said in one sentence that names the mend: exit code 1; 2 for a command that cannot be read."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from given.console import Console, Said
from given.deployment import Deployment
from given.nowhere import NOWHERE

from demo.quick import write_quick_files
from embedded import Valkey
from tasks.payments import take_payment

OTHER_KEY = base64.b64encode(os.urandom(32)).decode()


@pytest.fixture(scope="module")
def desk(
    make_database: Callable[[], str], valkey: Valkey, data_key: str, tmp_path_factory: pytest.TempPathFactory
) -> Console:
    """An operator's shell with the servers that a command needs, and no provider."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE_")}
    return Console(
        environment
        | {
            "LOCKGATE_DATABASE_URL": make_database(),
            "LOCKGATE_REDIS_URL": valkey.url,
            "LOCKGATE_DATA_KEY": data_key,
            "LOCKGATE_PROVIDERS": str(write_quick_files(tmp_path_factory.mktemp("desk"))),
            "LOCKGATE_STRIPE_API_KEY": "sk_test_desk",
            "LOCKGATE_POSTMARK_SERVER_TOKEN": "token-desk",
        }
    )


def one_sentence(said: Said) -> str:
    assert said.code == 1, (said.out, said.err)
    assert "Traceback" not in said.err
    (line,) = said.err.strip().splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.mark.parametrize(
    ("words", "environment", "mend"),
    [
        ("explain strype 503", {}, "did you mean stripe?"),
        ("explain stripe 99", {}, "neither an HTTP status nor one of"),
        ("explain stripe timeuot", {}, "did you mean timeout?"),
        ("explain stripe 503 --kind take_paymnt", {}, "did you mean stripe.take_payment?"),
        ("provider status strype", {}, "did you mean stripe?"),
        ("provider pause strype --because x", {}, "did you mean stripe?"),
        ("provider pause stripe --kind take_paymnt --because x", {}, "did you mean stripe.take_payment?"),
        ("provider breaker open strype --because x", {}, "did you mean stripe?"),
        ("provider breaker release stripe --because x", {}, "nobody holds the breaker of stripe"),
        ("provider resume stripe --because x", {}, "nothing of stripe is paused"),
        ("operation show order:none", {}, "there is no operation order:none"),
        ("operation show 0197ab00-0000-7000-8000-000000000000", {}, "there is no operation 0197ab00"),
        ("deadletter show dl_7", {}, "there is no dead letter dl_7"),
        ("deadletter show dl_x", {}, "there is no dead letter dl_x"),
        ("deadletter requeue dl_7 --because x", {}, "there is no dead letter dl_7"),
        ("deadletter resolve dl_7 --as none --because x", {}, "there is no dead letter dl_7"),
        ("deadletter list --provider strype", {}, "did you mean stripe?"),
        ("deadletter list", {"LOCKGATE_DATABASE_URL": f"postgresql://u:p@{NOWHERE}/x"}, "check LOCKGATE_DATABASE_URL"),
        ("migrate", {"LOCKGATE_DATABASE_URL": f"postgresql://u:p@{NOWHERE}/x"}, "check LOCKGATE_DATABASE_URL"),
        ("deadletter list", {"LOCKGATE_DATABASE_URL": "mysql://u:p@h/x"}, "LOCKGATE_DATABASE_URL does not begin with"),
        ("deadletter list", {"LOCKGATE_DATABASE_URL": ""}, "LOCKGATE_DATABASE_URL is not set"),
        ("migrate", {"LOCKGATE_DATABASE_URL": ""}, "LOCKGATE_DATABASE_URL is not set"),
        ("deadletter list", {"LOCKGATE_DATA_KEY": "abc"}, "`lockgate dev key` makes one"),
        ("provider status", {"LOCKGATE_REDIS_URL": f"redis://{NOWHERE}/0"}, "check LOCKGATE_REDIS_URL"),
        ("provider status", {"LOCKGATE_STRIPPE_API_KEY": "x"}, "did you mean LOCKGATE_STRIPE_API_KEY?"),
        ("provider status", {"LOCKGATE_LOG": "loud"}, "use one of plain, json"),
        ("provider status stripe", {"LOCKGATE_STRIPE_API_KEY": ""}, "set LOCKGATE_STRIPE_API_KEY"),
        ("provider status", {"LOCKGATE_STRIPE_BASE_URL": "http://example.com"}, "use https"),
        ("explain stripe 503", {"LOCKGATE_PROVIDERS": "/nowhere.toml"}, "correct LOCKGATE_PROVIDERS"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_sentence(desk: Console, words: str, environment: dict[str, str], mend: str) -> None:
    assert mend in one_sentence(desk.run(*words.split(), **environment))


@pytest.mark.parametrize(
    "words",
    [
        "deadletter requeue dl_1",
        "deadletter resolve dl_1 --because x",
        "deadletter show",
        "provider pause stripe",
        "frob",
    ],
)
def test_a_command_that_cannot_be_read_is_told_from_a_refused_one(desk: Console, words: str) -> None:
    said = desk.run(*words.split())
    assert (said.code, "Traceback" in said.err) == (2, False)


def test_a_misspelt_key_in_a_providers_file_is_named(desk: Console, tmp_path: Path) -> None:
    folder = write_quick_files(tmp_path / "misspelt", retry__delay=["0s"])
    said = one_sentence(desk.run("explain", "stripe", "503", LOCKGATE_PROVIDERS=str(folder)))
    assert "retry.delay is not a key that Lockgate knows; did you mean delays?" in said


def test_an_unmigrated_database_is_named_and_migrated(console: Console, deployment: Deployment) -> None:
    with psycopg.connect(deployment.environment["LOCKGATE_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP SCHEMA lockgate CASCADE")
    for words in ("deadletter list", "operation show x", "provider status", "provider breaker open stripe --because x"):
        assert "run `lockgate migrate`" in one_sentence(console.run(*words.split()))
    assert console.json("migrate") == {"migrated": True}
    assert console.json("deadletter", "list") == []


def test_evidence_under_another_data_key_is_named(console: Console, deployment: Deployment) -> None:
    deployment.worker()
    fields = {"amount": 4200, "currency": "gbp", "customer": "cus_demo1", "payment_method": "pm_card_visa"}
    deployment.ends(take_payment.delay(order_id="3001", **fields).id)
    said = one_sentence(console.run("operation", "show", "order:3001:payment", LOCKGATE_DATA_KEY=OTHER_KEY))
    assert "add the key that sealed it" in said


def celery(deployment: Deployment, *words: str, **environment: str) -> Said:
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tasks", *words],
        env=deployment.environment | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("environment", "mend"),
    [
        ({"LOCKGATE_DATABASE_URL": ""}, "LOCKGATE_DATABASE_URL is not set"),
        ({"LOCKGATE_DATA_KEY": "abc"}, "`lockgate dev key` makes one"),
        ({"LOCKGATE_DATA_KEY": OTHER_KEY}, "add the key that sealed it"),
        ({"LOCKGATE_STRIPPE_API_KEY": "x"}, "did you mean LOCKGATE_STRIPE_API_KEY?"),
        ({"LOCKGATE_PROVIDERS": "/nowhere.toml"}, "correct LOCKGATE_PROVIDERS"),
    ],
)
def test_a_worker_with_a_broken_environment_says_one_sentence(
    deployment: Deployment, environment: dict[str, str], mend: str
) -> None:
    deployment.platform.ledger.secret  # noqa: B018  the ledger has its identity, as after a first start
    said = celery(deployment, "worker", "-P", "threads", **environment)
    assert (said.code, "Traceback" in said.err) == (1, False), said.err
    assert mend in said.err.strip().splitlines()[-1]


def test_celery_knows_the_same_commands(deployment: Deployment, console: Console) -> None:
    for words in ("explain stripe 503 --json", "deadletter list --json", "provider status stripe --json"):
        ours, theirs = console.run(*words.split()), celery(deployment, *words.split())
        assert (theirs.code, theirs.err) == (0, "")
        assert theirs.json == ours.json
    said = celery(deployment, "operation", "show", "order:none")
    assert (said.code, "there is no operation order:none" in said.err, "Traceback" in said.err) == (1, True, False)


def test_commands_that_celery_imports_at_each_start_bring_nothing_heavy() -> None:
    heavy = "'sqlalchemy', 'psycopg', 'redis', 'requests', 'rich', 'ledger', 'integrations', 'config'"
    modules = "admin.cli.operation, admin.cli.deadletter, admin.cli.provider, admin.cli.explain"
    script = f"import sys, {modules}; print(sorted({{{heavy}}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
