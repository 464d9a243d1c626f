"""Lockgate, put to the soak: its ledger, its workers, its client's calls."""

import base64
import os
import random
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from ledger.migrate import upgrade
from operations.errors import AcceptBusy, AcceptUnknown, LedgerUnavailable
from soak.checker import ledger as dumps
from soak.checker.terms import Kind, Limit, Terms
from soak.place import PROVIDERS, Place
from soak.wishes import Wish

FILES = Path(__file__).parent / "providers"
APP = "tasks"
_NEVER = 86_400.0  # seconds; where nothing can be looked up, nothing has to show
UNSURE = (AcceptBusy, AcceptUnknown, LedgerUnavailable)
_CREDENTIALS = {"stripe": "API_KEY", "postmark": "SERVER_TOKEN", "plain": "TOKEN"}
#: Of each kind: what the provider's journal calls its effect, where it is sent, and its business key.
_KINDS = {
    "stripe.take_payment": ("charge", "/v1/payment_intents", "order:{}:payment"),
    "stripe.start_payment": ("intent", "/v1/payment_intents", "order:{}:intent"),
    "stripe.create_customer": ("customer", "/v1/customers", "customer:{}"),
    "postmark.send_email": ("email", "/email", "mail:{}"),
    "plain.make_thing": ("thing", "/things", "thing:{}"),
    "plain.send_ping": ("ping", "/pings", "ping:{}"),
}


def files() -> dict[str, dict[str, Any]]:
    """The provider files of the run, as they are written; LOCKGATE_PROVIDERS may bring others in their place."""
    given = [Path(part) for part in os.environ.get("LOCKGATE_PROVIDERS", "").split(os.pathsep) if part]
    listed = [file for path in (FILES, *given) for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]
    content = [tomllib.loads(path.read_text()) for path in listed]
    return {file["name"]: file for file in content}


def terms(place: Place, command: str) -> Terms:
    """What holds in this run; means, limits and times are those of the provider files."""
    read = files()
    tenants = {
        provider: {_digest(place.token(provider, tenant)): tenant for tenant in place.tenants} for provider in PROVIDERS
    }
    return Terms(
        seed=place.seed,
        command=command,
        kinds=tuple(_kind(name, read) for name in _KINDS),
        limits=tuple(limit for file in read.values() for limit in _limits(file)),
        tenants=tenants,
        leases={name: _seconds(file["call"]["lease"]) for name, file in read.items()},
        totals={name: _seconds(file["call"]["total"]) for name, file in read.items()},
        settles={name: min(_of_kinds(file, "settle"), default=_NEVER) for name, file in read.items()},
        kept={name: min(_of_kinds(file, "kept_for"), default=0.0) for name, file in read.items()},
        patience={name: _seconds(file["retry"]["give_up_after"]) for name, file in read.items()},
        windows={name: _seconds(file["breaker"]["window"]) for name, file in read.items()},
    )


def prepare(place: Place) -> dict[str, str]:
    """Make the tables; the environment of workers and client."""
    upgrade(place.database_url)
    given = {
        "LOCKGATE_DATABASE_URL": place.database_url,
        "LOCKGATE_REDIS_URL": place.redis_url,
        "LOCKGATE_DATA_KEY": base64.urlsafe_b64encode(random.Random(place.seed).randbytes(32)).decode(),
        "LOCKGATE_PROVIDERS": os.pathsep.join(filter(None, [str(FILES), os.environ.get("LOCKGATE_PROVIDERS")])),
        "LOCKGATE_TASKS": ",".join(("soak.subject.tasks", *place.plugins)),
    }
    for provider in PROVIDERS:
        given[f"LOCKGATE_{provider.upper()}_BASE_URL"] = place.urls[provider]
        for tenant in place.tenants:
            name = f"LOCKGATE_{provider.upper()}_{_CREDENTIALS[provider]}"
            given[name if tenant == "default" else f"{name}__{tenant.upper()}"] = place.token(provider, tenant)
    return given


def worker(name: str, *, pool: str, slots: int) -> list[str]:
    """The command of one worker."""
    return [
        sys.executable, "-m", "celery", "-A", APP, "worker", "-P", pool, "-c", str(slots), "-n", f"{name}@%h",
        "-l", "INFO", "--without-gossip", "--without-mingle",
    ]  # fmt: skip


def ask(wishes: Sequence[Wish]) -> list[str]:
    """Ask for one, or for several of one kind at once; the tickets, in order. Runs in the client's process.

    Raises:
        Exception: one of UNSURE where nobody knows if it was taken; anything else is a refusal.
    """
    task = _task(wishes[0].kind)
    if len(wishes) == 1:
        return [task.delay(**wishes[0].fields, tenant=wishes[0].tenant).id]
    told = task.accept_many([wish.fields | {"tenant": wish.tenant} for wish in wishes])
    for one in told:
        if one.error is not None:
            raise one.error
    return [one.result.id for one in told]


def states(database_url: str) -> Callable[[], Counter[str] | None]:
    """Something that tells how many operations are in which state; None while the ledger does not answer."""

    def look() -> Counter[str] | None:
        options = "-c lock_timeout=300 -c statement_timeout=2000"
        try:
            with psycopg.connect(database_url, connect_timeout=2, options=options) as connection:
                rows = connection.execute(_STATES).fetchall()
        except psycopg.Error:
            return None
        return Counter(dict(rows))

    return look


def dump(place: Place) -> None:
    """Write the ledger's side into the run's folder."""
    dumps.write(place.database_url, place.folder)


_STATES = "SELECT state, count(*) FROM lockgate.operations WHERE provider <> 'local' GROUP BY state"


def _task(kind: str) -> Any:
    from soak.subject import tasks as plain  # noqa: PLC0415  these read the environment, which prepare() has made
    from tasks import mail, payments  # noqa: PLC0415

    module = {"stripe": payments, "postmark": mail, "plain": plain}[kind.partition(".")[0]]
    return getattr(module, kind.partition(".")[2])


def _kind(name: str, read: dict[str, dict[str, Any]]) -> Kind:
    effect, path, key = _KINDS[name]
    file = read[name.partition(".")[0]]
    section = file["kinds"][name.partition(".")[2]]
    attempts = len(section.get("delays") or file["retry"]["delays"])
    return Kind(name, section["means"], effect, key, path, attempts)


def _limits(file: dict[str, Any]) -> list[Limit]:
    """Limits per kind are left out: by the path alone the journal does not tell kinds apart."""
    found = []
    for limit in file.get("limits", ()):
        scope = limit.get("scope", ["tenant"])
        if "kind" in scope or limit.get("kind"):
            continue
        per = _seconds(limit["per"]) if "per" in limit else 0.0
        found.append(Limit(file["name"], int(limit.get("calls") or limit["concurrent"]), per, "tenant" in scope))
    return found


def _of_kinds(file: dict[str, Any], name: str) -> list[float]:
    return [_seconds(kind[name]) for kind in file["kinds"].values() if name in kind]


def _digest(token: str) -> str:
    """How the sandbox's journal names a credential."""
    return sha256(token.encode()).hexdigest()[:12]


def _seconds(said: str) -> float:
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)):
        if said.endswith(unit):
            return float(said.removesuffix(unit)) * factor
    raise ValueError(f"{said!r} is no duration: write it with a unit, such as 2s")
