"""A whole deployment to break: database, Valkey, sandbox provider and worker processes, all real."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import requests
from kombu import pools

from config.settings import Settings
from embedded import Postgres, Valkey
from tasks import platform as platforms
from tasks.app import app
from tasks.platform import Platform

#: Seconds that a condition may take; machines are shared, and some days a sixth as quick as others.
PATIENCE = float(os.environ.get("DRILL_PATIENCE", "400"))

#: A lease that is soon over, and a call that comes to its end before that on a slow machine too.
LAPSING = {"call__total": "5s", "call__read": "5s", "call__connect": "5s", "call__lease": "8s"}

_TOLD = (
    "kind, state, reason, effect, code, fence, failures, due_at FROM lockgate.operations ORDER BY id",
    "operation_id, number, outcome, code, late, elapsed, heard_at FROM lockgate.replies ORDER BY heard_at",
)


def eventually(condition: Callable[[], Any], *, within: float = PATIENCE, every: float = 0.05) -> Any:
    """Wait for a condition; its last value when it holds."""
    until = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < until, f"{condition} did not come true within {within} s"
        time.sleep(every)
    return value


class Sandbox:
    """The lying provider's process."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal.jsonl"
        self.ports: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        ports = [part for name, port in self.ports.items() for part in (f"--{name}-port", port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--journal", str(self.journal), *ports], stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.urls = json.loads(self.process.stdout.readline())
        self.ports = {name: url.rpartition(":")[2] for name, url in self.urls.items()}

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def control(self, method: str, path: str, **order: Any) -> Any:
        answer = requests.request(method, self.urls["control"] + path, json=order or None, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, name: str, **more: Any) -> Any:
        return self.control("POST", "/faults", fault=name, **more)

    def effects(self, **query: str) -> list[dict[str, Any]]:
        answer = requests.get(self.urls["control"] + "/effects", params=query, timeout=30)
        found: list[dict[str, Any]] = answer.json()
        return found["effects"] if isinstance(found, dict) else found

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for line in self.journal.read_text().splitlines() if (event := json.loads(line))["event"] == name]


class Worker:
    """One `celery worker` process, or a family of them under one supervisor."""

    def __init__(
        self,
        environment: dict[str, str],
        log: Path,
        options: list[str],
        *,
        gossip: bool = False,
        source: Path | None = None,
        processes: int | None = None,
        terminal: int | None = None,
    ) -> None:
        self.log = log
        quiet = [] if gossip else ["--without-gossip", "--without-mingle"]
        one = ["-m", "celery", "-A", "tasks", "worker"]
        command = one if processes is None else ["-m", "admin.cli", "workers", "--processes", str(processes)]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command, "-l", "INFO", *quiet, *options],
                env=environment, stdin=terminal, stdout=output, stderr=output, start_new_session=True, cwd=source,
                preexec_fn=None if terminal is None else _sit_at_it,  # noqa: PLW1509  one system call
            )  # fmt: skip
        self.has_begun(processes or 1)

    def has_begun(self, times: int) -> None:
        """Wait until so many workers have got ready so far."""
        eventually(lambda: self.log.read_text().count(" ready.") >= times or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()

    def signal(self, number: signal.Signals) -> None:
        """To the worker's main process."""
        os.kill(self.process.pid, number)

    def freeze(self) -> None:
        """Stop the worker: when this returns none of its threads runs any more, which after the signal alone some may."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def kill(self) -> None:
        """SIGKILL to the whole worker, children included."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def end(self) -> None:
        """A warm shutdown."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()


class Deployment:
    """Everything, wired together, with the test as the application."""

    def __init__(
        self, folder: Path, *, database_url: str, valkey: Valkey, data_key: str, providers: Path,
        postgres: Postgres | None = None, more: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.valkey = valkey
        self.postgres = postgres
        self.sandbox = Sandbox(folder)
        self.workers: list[Worker] = []
        self.environment = os.environ | {
            "LOCKGATE_DATABASE_URL": database_url,
            "LOCKGATE_REDIS_URL": valkey.url,
            "LOCKGATE_DATA_KEY": data_key,
            "LOCKGATE_PROVIDERS": str(providers),
            "LOCKGATE_STRIPE_BASE_URL": self.sandbox.urls["stripe"],
            "LOCKGATE_POSTMARK_BASE_URL": self.sandbox.urls["postmark"],
            "LOCKGATE_STRIPE_API_KEY": "sk_test_drill",
            "LOCKGATE_POSTMARK_SERVER_TOKEN": "token-drill",
            **(more or {}),
        }
        self.settings = Settings.from_environment(self.environment)

    @property
    def platform(self) -> Platform:
        return platforms.platform()

    def worker(
        self, *options: str, pool: str = "threads", concurrency: int = 4, gossip: bool = False,
        source: Path | None = None, processes: int | None = None, terminal: int | None = None,
        **environment: str,
    ) -> Worker:  # fmt: skip
        """Start one more worker, from the source in another folder if one is given, and wait until it is ready.

        With `processes` it is a family of so many, ready when all are; with a terminal, that is where its Ctrl-C comes from.
        """
        number = len(self.workers)
        worker = Worker(
            _loading_more(self.environment | environment),
            self.folder / f"worker-{number}.log",
            ["-P", pool, "-c", str(concurrency), "-n", f"w{number}@%h", *options],
            gossip=gossip,
            source=source,
            processes=processes,
            terminal=terminal,
        )
        self.workers.append(worker)
        return worker

    def row(self, what: str, ticket_id: str) -> Any:
        """Columns of the operation that a ticket stands for."""
        with self.platform.ledger.connection() as connection:
            found = connection.execute(
                f"SELECT {what} FROM lockgate.operations o JOIN lockgate.tickets t ON t.operation_id = o.id "
                "WHERE t.id = %s",
                [ticket_id],
            ).fetchone()
        assert found is not None
        return found[0] if len(found) == 1 else found

    def count(self, what: str) -> int:
        """`SELECT count(*) FROM` something."""
        with self.platform.ledger.connection() as connection:
            row = connection.execute(f"SELECT count(*) FROM lockgate.{what}").fetchone()
        assert row is not None
        return int(row[0])

    def state_of(self, ticket_id: str) -> str:
        return str(self.row("state", ticket_id))

    def ends(self, ticket_id: str, state: str = "succeeded", *, within: float = PATIENCE) -> None:
        """Wait until an operation has ended as it should."""
        ended = ("succeeded", "declined", "dead", "discarded", "superseded")
        eventually(lambda: self.state_of(ticket_id) in ended, within=within)
        assert self.state_of(ticket_id) == state, self.row("state, reason, effect, code", ticket_id)

    def story(self) -> str:
        """What the ledger and the workers say, for whoever reads about a failure on a machine that is gone."""
        told = []
        try:
            with self.platform.ledger.connection() as connection:
                for what in _TOLD:
                    told += [what, *map(str, connection.execute(f"SELECT {what} LIMIT 30"))]
        except psycopg.Error as error:
            told.append(f"the ledger cannot be read: {error}")
        for worker in self.workers:
            told += [worker.log.name, *worker.log.read_text().splitlines()[-20:]]
        return "\n".join(told)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.sandbox.stop()


def _sit_at_it() -> None:
    """In a session of its own: standard input is its terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _loading_more(environment: dict[str, str]) -> dict[str, str]:
    """Beside what a test lets its workers load, they load what the tests were started with: a bug of tests/planted."""
    names = [*os.environ.get("LOCKGATE_TASKS", "").split(","), *environment.get("LOCKGATE_TASKS", "").split(",")]
    return environment | {"LOCKGATE_TASKS": ",".join(dict.fromkeys(filter(None, names)))}


@contextmanager
def as_application(settings: Settings) -> Iterator[None]:
    """Let this process be an application of a deployment."""
    platforms.use(settings)
    _forget_broker()
    try:
        yield
    finally:
        _forget_broker()
        platforms.use(None)


def _forget_broker() -> None:
    """Celery keeps connections to the broker that it first met."""
    pools.reset()
    app._pool = None
    app.amqp._producer_pool = None
    for name in ("amqp", "backend"):
        app.__dict__.pop(name, None)
    app._local.__dict__.pop("backend", None)
