"""Starts everything that the demo runs on, replaces what is killed, and ends it all."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from admin.access import accounts, passwords
from admin.access.person import Role
from demo.child import Child
from demo.home import DemoError, Home, Known, Running
from demo.quick import write_demo_files
from demo.stores import Stores
from demo.surroundings import given, surroundings
from embedded.process import free_port
from embedded.servers import data_key
from ledger.audit import Order
from ledger.migrate import upgrade
from ledger.session import Ledger

_WORKERS = ("worker-1", "worker-2")
_READY = 60.0  # seconds that a process may take to come up on a busy machine
_WARM = 10.0  # seconds that workers get for the calls under way; more than a quick call's total deadline
_FLOWER_PORT, _ADMIN_PORT = 5555, 5556
_OPERATOR = "lockgate"  # the account of the demo's admin, and of its Flower
_ROOT = Path(__file__).parent.parent


class Supervisor:
    """Owner of every process of the demo. Use it from one thread, the one that lives as long as the demo.

    Args:
        home: the demo's folder.
        say: prints a line.
        fresh: whether the run begins with an empty ledger and journal of its own.
        wide: whether the providers' limits are raised, for many operations in a short time.
        concurrency: threads per worker.
    """

    def __init__(
        self, home: Home, say: Callable[[str], None], *, fresh: bool, wide: bool, concurrency: int = 16
    ) -> None:
        self._home = home
        self._say = say
        self._fresh = fresh
        self._wide = wide
        self._concurrency = concurrency
        self.stores = Stores(home, os.environ)
        self.environment: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self.kills = 0
        self.crashes: list[str] = []
        self.flower_url = self.flower_password = ""
        self.admin_url = self.admin_password = ""
        self.not_ours: frozenset[str] = frozenset()
        self._children: dict[str, Child] = {}
        self.journal = home.path("journal.jsonl")

    @property
    def alone(self) -> bool:
        """Whether ledger and journal are this run's alone; a database that was given to us is not emptied."""
        return self._fresh and self.stores.own_postgres

    def up(self) -> None:
        """Start everything, a line for each thing that is up.

        Raises:
            DemoError: something did not come up.
        """
        self.not_ours = given(os.environ)
        self.stores.up(self._say)
        if self.alone:
            self.stores.use_fresh_database()
            self.journal.unlink(missing_ok=True)
        upgrade(self.stores.database_url)
        self._say("ledger … migrated")
        self._start_sandbox()
        self._say(f"sandbox provider … up: {', '.join(f'{name} {url}' for name, url in self.urls.items())}")
        files = write_demo_files(self._home.path("providers"), wide=self._wide)
        self.environment = surroundings(
            database_url=self.stores.database_url,
            redis_url=self.stores.redis_url,
            data_key=_sealing_key(self._home.servers),
            files=files,
            sandbox=self.urls,
        )
        for name in _WORKERS:
            self._start_worker(name)
        self._let_in()
        self._start_flower()
        self._start_admin()
        self._write_down()
        self._wait_until_ready()

    def mend(self) -> None:
        """Replace what has ended; a killed worker is counted, one that ended by itself is remembered as a crash."""
        mended = self.stores.mend()
        if mended:
            self._say(f"{mended} … started again")
        for child in [child for child in self._children.values() if child.ended is not None]:
            self._note_end(child)
            self._restart(child.name)
            mended = child.name
        if mended:
            self._write_down()

    def workers(self) -> list[Known]:
        """The workers that are alive now."""
        return [
            Known.now(name, child.pid)
            for name, child in self._children.items()
            if name in _WORKERS and child.ended is None
        ]

    def down(self) -> None:
        """End everything: workers after the calls that are under way, then who serves them."""
        workers = [child for name, child in self._children.items() if name in _WORKERS]
        others = [child for name, child in self._children.items() if name not in _WORKERS]
        for group in (workers, others):
            for child in group:
                child.ask_to_end()
            until = time.monotonic() + _WARM
            for child in group:
                child.end(max(0.1, until - time.monotonic()))
        self.stores.down()
        self._home.leave()

    def hurry(self) -> None:
        """End the children at once."""
        for child in self._children.values():
            child.end(0.0)

    def _restart(self, name: str) -> None:
        if name in _WORKERS:
            self._start_worker(name)
        elif name == "flower":
            self._start_flower()
        elif name == "admin":
            self._start_admin()
        else:
            self._start_sandbox()

    def _note_end(self, child: Child) -> None:
        if child.ended == -signal.SIGKILL and child.name in _WORKERS:
            self.kills += 1
        elif child.ended != -signal.SIGKILL:
            self.crashes.append(f"{child.name} ended by itself with {child.ended}: {child.last_words()}")

    def _start_worker(self, name: str) -> None:
        argv = [
            sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "threads", "-c", str(self._concurrency),
            "-n", f"{name}@%h", "-E", "-l", "INFO", "--without-gossip", "--without-mingle",
        ]  # fmt: skip
        self._start(name, argv)

    def _start_flower(self) -> None:
        """The password stays the same when Flower is replaced; it is not on the command line, which everybody can list."""
        port = int(self.flower_url.rpartition(":")[2])
        argv = [
            sys.executable, "-m", "celery", "-A", "tasks", "flower", "--address=127.0.0.1", f"--port={port}",
            f"--conf={_ROOT / 'admin' / 'flower' / 'conf.py'}", "--persistent=True", f"--db={self._home.path('flower.db')}",
            "--state_save_interval=120000",
        ]  # fmt: skip
        self._start("flower", argv, FLOWER_BASIC_AUTH=f"{_OPERATOR}:{self.flower_password}")

    def _let_in(self) -> None:
        """An account for who watches, with a password that is shown once; one of an earlier run gets another."""
        self.flower_url, self.flower_password = _address(_FLOWER_PORT), passwords.make()
        self.admin_url, self.admin_password = _address(_ADMIN_PORT), passwords.make()
        self.environment |= {"LOCKGATE_ADMIN_URL": self.admin_url, "LOCKGATE_FLOWER_URL": self.flower_url}
        ledger = Ledger(self.stores.database_url, self.environment["LOCKGATE_DATA_KEY"], connections=1)
        who = Order("demo", "the demo begins")
        try:
            with ledger.connection() as connection:
                known = {account.name for account in accounts.listed(connection)}
            if _OPERATOR in known:
                accounts.set_password(ledger, _OPERATOR, self.admin_password, who)
            else:
                accounts.add(ledger, _OPERATOR, self.admin_password, role=Role.ADMIN, tenants=None, order=who)
        finally:
            ledger.close()

    def _start_admin(self) -> None:
        port = self.admin_url.rpartition(":")[2]
        self._start("admin", [sys.executable, "-m", "admin.cli", "admin", "serve", "--port", port])

    def _start_sandbox(self) -> None:
        ports = [part for name, url in self.urls.items() for part in (f"--{name}-port", url.rpartition(":")[2])]
        argv = [sys.executable, "-m", "sandbox", "--journal", str(self.journal), *ports]
        child = self._start("sandbox", argv, **os.environ)
        until = time.monotonic() + _READY
        while not child.said("}\n"):
            self._must_come_up(child, until)
        self.urls = json.loads(child.log.read_text().splitlines()[0])

    def _start(self, name: str, argv: list[str], **more: str) -> Child:
        log = self._home.path(f"{name}.log")
        child = Child(name, argv, environment=self.environment | more, log=log)
        self._children[name] = child
        return child

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _READY
        for name in _WORKERS:
            while not self._children[name].said("ready."):
                self._must_come_up(self._children[name], until)
            self._say(f"{name} … up")
        while _is_free(int(self.flower_url.rpartition(":")[2])):
            self._must_come_up(self._children["flower"], until)
        self._say(f"Flower … {self.flower_url}  user {_OPERATOR}  password {self.flower_password}")
        while not self._children["admin"].said("the admin is at"):
            self._must_come_up(self._children["admin"], until)
        self._say(f"admin … {self.admin_url}  user {_OPERATOR}  password {self.admin_password}")

    def _must_come_up(self, child: Child, until: float) -> None:
        if child.ended is not None or time.monotonic() > until:
            raise DemoError(f"{child.name} did not come up, see {child.log}: {child.last_words()}")
        time.sleep(0.05)

    def _write_down(self) -> None:
        processes = [Known.now(name, child.pid) for name, child in self._children.items() if child.ended is None]
        self._home.write(
            Running(
                pid=os.getpid(),
                redis_url=self.stores.redis_url,
                flush_everything=self.stores.own_redis,
                control=self.urls["control"],
                processes=[*processes, *self.stores.processes()],
            )
        )


def _address(port: int) -> str:
    """This machine, at that port or at another that is free."""
    return f"http://127.0.0.1:{port if _is_free(port) else free_port()}"


def _is_free(port: int) -> bool:
    import socket  # noqa: PLC0415  only here

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _sealing_key(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True)
    return data_key(home)
