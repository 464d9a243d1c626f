"""A baseline as the soak takes it: what it is started with, asked, and looked at by. See soak/README.md."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module

import kombu.exceptions
import psycopg
import redis

from baselines import shop
from soak.checker.ledger import FILE
from soak.checker.terms import Kind, Terms
from soak.place import PROVIDERS, Place
from soak.wishes import Wish

UNSURE = (psycopg.OperationalError, kombu.exceptions.OperationalError, redis.RedisError)
_STATES = {shop.PENDING: "waiting", shop.DONE: "succeeded", shop.DECLINED: "declined", shop.FAILED: "dead"}
_KINDS = (
    Kind("stripe.take_payment", "K", "charge", "{}", "/v1/payment_intents"),
    Kind("stripe.start_payment", "K", "intent", "{}", "/v1/payment_intents"),
    Kind("stripe.create_customer", "K", "customer", "{}", "/v1/customers"),
    Kind("postmark.send_email", "Q", "email", "{}", "/email"),
    Kind("plain.make_thing", "N", "thing", "{}", "/things"),
    Kind("plain.send_ping", "X", "ping", "{}", "/pings"),
)


@dataclass(frozen=True)
class Subject:
    """One of them.

    Attributes:
        app: its module.
    """

    app: str

    def terms(self, place: Place, command: str) -> Terms:
        """The kinds, and who is who; it promises no times and no limits."""
        tenants = {
            provider: {sha256(place.token(provider, one).encode()).hexdigest()[:12]: one for one in place.tenants}
            for provider in PROVIDERS
        }
        return Terms(place.seed, command, _KINDS, tenants=tenants)

    def prepare(self, place: Place, _say: Callable[[str], None]) -> dict[str, str]:
        """Make the shop's tables."""
        shop.make(place.database_url)
        return {}

    def worker(self, name: str, *, pool: str, slots: int) -> list[str]:
        """The command of one worker."""
        return [
            sys.executable, "-m", "celery", "-A", self.app, "worker", "-P", pool, "-c", str(slots), "-n", f"{name}@%h",
            "-l", "INFO",
        ]  # fmt: skip

    def ask(self, wishes: Sequence[Wish]) -> list[str]:
        """Order, one after another; the order's number is the ticket."""
        application = import_module(self.app)
        for wish in wishes:
            application.order(wish.name, wish.tenant, wish.kind, wish.fields)
        return [wish.name for wish in wishes]

    def states(self, database_url: str) -> Callable[[], Counter[str] | None]:
        """How many orders are in which state."""

        def look() -> Counter[str] | None:
            try:
                with psycopg.connect(database_url, connect_timeout=2) as connection:
                    rows = connection.execute("SELECT status, count(*) FROM orders GROUP BY status").fetchall()
            except psycopg.Error:
                return None
            return Counter({_STATES[status]: count for status, count in rows})

        return look

    def dump(self, place: Place) -> None:
        """The orders, in the soak's words: what the shop calls failed has not happened, as far as it knows."""
        with psycopg.connect(place.database_url) as connection, (place.folder / FILE).open("w") as output:
            rows = connection.execute("SELECT name, tenant, kind, status, reference, why FROM orders").fetchall()
            for name, tenant, kind, status, reference, why in rows:
                effect = "done" if status == shop.DONE else "none"
                operation = {
                    "id": name, "tenant": tenant, "kind": kind, "key": name, "marks": [name], "effect": effect,
                    "state": _STATES[status], "reference": reference, "reason": why,
                }  # fmt: skip
                output.write(json.dumps(["operations", operation]) + "\n")
