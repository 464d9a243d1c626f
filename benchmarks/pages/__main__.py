"""`make bench-pages`: how long each page of the admin takes over a long past; it reports, and asserts nothing."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from werkzeug.test import Client

from admin.access import accounts, passwords, tokens
from admin.access.person import Role
from admin.web.app import make
from admin.web.place import Place
from admin.web.route import ROUTES, Route
from benchmarks.machine import machine
from benchmarks.pages.rows import fill
from config.settings import Settings
from embedded import Servers
from embedded.servers import data_key, forget
from ledger import groups
from ledger.audit import Order
from ledger.migrate import upgrade
from tasks import platform as platforms

_FOLDER = Path("build/bench-pages")
_ORIGIN = "http://127.0.0.1:5556"
_ORDER = Order("bench", "to measure")
_LIMIT = 100.0  # ms, that no page should need
#: What somebody asks for who may see a tenant with five operations among all of them, and they are the oldest.
_FEW = (
    "/", "/operations", "/operations?state=dead", "/operations?state=succeeded", "/operations?provider=stripe",
    "/deadletters", "/deadletters?effect=unknown", "/deadletters?text=busy", "/groups", "/groups?status=all",
    "/providers/stripe", "/edits",
)  # fmt: skip


@dataclass
class Statements:
    """What was asked of PostgreSQL, and how long each took."""

    taken: list[tuple[float, Any, Any]] = field(default_factory=list)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to every cursor of this process."""
        execute = psycopg.Cursor.execute

        def timed(cursor: Any, query: Any, params: Any = None, **more: Any) -> Any:
            began = time.perf_counter()
            try:
                return execute(cursor, query, params, **more)
            finally:
                self.taken.append((time.perf_counter() - began, query, params))

        psycopg.Cursor.execute = timed  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            psycopg.Cursor.execute = execute  # type: ignore[method-assign]


def main() -> int:
    """Fill, measure, report."""
    options = _options()
    home = _FOLDER.resolve()
    if home.exists():
        forget(home)
    servers = Servers(home)
    try:
        running = servers.up()
        upgrade(running.database_url)
        fill(running.database_url, operations=options.operations, letters=options.letters)
        settings = Settings.from_environment(
            {
                "LOCKGATE_DATABASE_URL": running.database_url, "LOCKGATE_REDIS_URL": running.redis_url,
                "LOCKGATE_DATA_KEY": data_key(home), "LOCKGATE_STRIPE_API_KEY": "sk_test_bench",
                "LOCKGATE_POSTMARK_SERVER_TOKEN": "token-bench",
            }
        )  # fmt: skip
        platforms.use(settings)
        _measure(Place(platforms.platform(), _ORIGIN), options)
    finally:
        platforms.use(None)
        servers.down()
        forget(home)
    return 0


def _measure(place: Place, options: argparse.Namespace) -> None:
    began = time.monotonic()
    while groups.fold(place.ledger):
        pass
    print(f"counts of groups added up in {time.monotonic() - began:.1f} s")
    with place.ledger.connection() as connection:
        rows = {
            table: (connection.execute(f"SELECT count(*) FROM lockgate.{table}").fetchone() or (0,))[0]  # noqa: S608
            for table in ("operations", "dead_letters", "attempts", "groups", "audit")
        }
    print(", ".join(f"{count:,} {table}" for table, count in rows.items()), "·", machine())
    app = make(place)
    page, few, program = _browser(app, place, "bench"), _browser(app, place, "bench-few", "few"), _program(app, place)
    slow = []
    print(f"{'':<68}{'median ms':>10}{'worst':>8}")
    asked = [(kind, ask, path) for path in _paths(options) for kind, ask in (("page", page), ("json", program))]
    for kind, ask, path in (*asked, *(("few ", few, path) for path in _FEW)):
        if kind != "json" or _has_api(path):
            times, said = _timed(ask, path, options.times)
            mark = "" if max(times) < _LIMIT else "  over 100"
            print(f"{kind} {path[:62]:<63}{statistics.median(times):>10.1f}{max(times):>8.1f}{mark}", flush=True)
            if mark:
                slow.append((kind, path, said))
    print(f"{len(slow)} took 100 ms or more at least once")
    for kind, path, said in slow:
        _explain(place, f"{kind} {path}", max(said.taken, key=lambda one: one[0]))


def _timed(ask: Callable[[str], Any], path: str, times: int) -> tuple[list[float], Statements]:
    taken: list[float] = []
    slowest = Statements()
    for _ in range(times):
        said = Statements()
        with said.heard():
            began = time.perf_counter()
            answer = ask(path)
            took = (time.perf_counter() - began) * 1000.0
        if answer.status_code not in {200, 303}:
            sys.exit(f"{path}: {answer.status_code} {answer.text[:300]}")
        slowest = said if took > max(taken, default=0.0) else slowest
        taken.append(took)
    return taken, slowest


def _explain(place: Place, what: str, slowest: tuple[float, Any, Any]) -> None:
    took, query, params = slowest
    print(f"\n== {what}: one statement took {took * 1000:.0f} ms")
    if not str(query).lstrip().upper().startswith(("SELECT", "WITH")):
        print(query)
        return
    with place.ledger.connection() as connection, connection.transaction(force_rollback=True):
        for (line,) in connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {query}", params).fetchall():
            print("  ", line)


def _browser(app: Flask, place: Place, name: str, *tenants: str) -> Callable[[str], Any]:
    """One that is signed in, to see all tenants or some; without a socket in between: it is the server's time."""
    password, browser = passwords.make(), Client(app)
    accounts.add(place.ledger, name, password, role=Role.ADMIN, tenants=tenants, order=_ORDER)
    form = browser.get("/sign-in", base_url=_ORIGIN).text.partition('name="form" value="')[2].partition('"')[0]
    sent = {"name": name, "password": password, "form": form}
    signed = browser.post("/sign-in", data=sent, headers={"Origin": _ORIGIN}, base_url=_ORIGIN)
    assert signed.status_code == 303, signed.text
    return lambda path: browser.get(path, base_url=_ORIGIN)


def _program(app: Flask, place: Place) -> Callable[[str], Any]:
    """One with a token."""
    token = tokens.add(place.ledger, "bench-program", role=Role.ADMIN, tenants=None, days=1, order=_ORDER)
    program, bearing = Client(app, use_cookies=False), {"Authorization": f"Bearer {token}"}
    return lambda path: program.get(f"/api/v1{path}", base_url=_ORIGIN, headers=bearing)


def _paths(options: argparse.Namespace) -> list[str]:
    """Every page that reads, with what people ask of it; the deepest pages too."""
    middle = options.letters // 2
    operation = f"01900000-0000-7000-8000-{10 * middle:012x}"
    parts = {
        "<name>": "stripe",
        "<fingerprint>": "print-7",
        "<int:letter_id>": str(middle),
        "<uuid:operation_id>": operation,
    }
    asked = {
        "/operations": [
            "", "?q=order:77:payment", f"?q=ticket-{middle}", f"?before={operation}", "?state=dead", "?state=declined",
            "?state=waiting", "?state=awaiting", "?state=discarded",
            "?tenant=nobody", "?tenant=few", "?provider=postmark", "?tenant=tenant-7", "?state=dead&tenant=tenant-7",
        ],
        "/deadletters": [
            "", f"?before={middle}", "?provider=stripe", "?tenant=tenant-7", "?fingerprint=print-7", "?text=busy",
            "?text=nowhere", "?status=resolved", "?effect=unknown", "?error_class=client",
            "?kind=stripe.take_payment&tenant=tenant-7",
        ],
        "/groups": ["", "?status=all", "?provider=stripe", "?tenant=tenant-7", "?text=busy", "?text=nowhere"],
        "/audit": ["", "?actor=ann", "?actor=nobody", "?target=print-7", "?action=requeue"],
        "/find": ["?q=order:77:payment"],
    }  # fmt: skip
    found = []
    for route in ROUTES:
        if route.method != "GET" or route.name in {"sign_in", "come_back", "health", "run", "edit", "edit_letter"}:
            continue
        rule = route.rule
        for part, sample in parts.items():
            rule = rule.replace(part, sample)
        if "<" not in rule and not rule.endswith("/edit"):  # a correction reads sealed arguments, and here are none
            found += [rule + more for more in asked.get(rule, [""])]
    return found


def _has_api(path: str) -> bool:
    known: dict[str, Route] = {route.rule: route for route in ROUTES if route.method == "GET"}
    route = known.get(path.partition("?")[0])
    return route is None or route.api


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-pages", description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000_000)
    parser.add_argument("--letters", type=int, default=1_000_000, help="at most a tenth of the operations")
    parser.add_argument("--times", type=int, default=9, help="that each page is asked for")
    options = parser.parse_args()
    if options.letters * 10 > options.operations:
        parser.error("one operation in ten may be dead: ask for more operations or fewer letters")
    return options


if __name__ == "__main__":
    sys.exit(main())
