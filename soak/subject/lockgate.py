"""Lockgate, put to the soak: its ledger, its workers, its client's calls."""

import base64
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from importlib import import_module
from typing import Any

import psycopg

from config.provider import ProviderFile
from config.settings import credential_name
from ledger.migrate import upgrade
from operations.errors import AcceptBusy, AcceptUnknown, LedgerUnavailable
from soak import operations
from soak.checker import ledger as dumps
from soak.checker.terms import Kind, Limit, Terms
from soak.errors import SoakError
from soak.operations import Operation
from soak.place import Place
from soak.subject import files
from soak.wishes import Wish

APP = "tasks"
_NEVER = 86_400.0  # seconds; where nothing can be looked up, nothing has to show
#: Operations that may be open, or the client waits: on a machine that is slow, or in a run that is long, a backlog without
#: end would have work die of its deadline, and not of a mistake.
ROOM = 600
UNSURE = (AcceptBusy, AcceptUnknown, LedgerUnavailable)
#: Of each kind: what the provider's journal calls its effect, where it is sent, and its business key.
_KINDS = {
    "stripe.take_payment": ("charge", "/v1/payment_intents", "order:{}:payment"),
    "stripe.start_payment": ("intent", "/v1/payment_intents", "order:{}:intent"),
    "stripe.create_customer": ("customer", "/v1/customers", "customer:{}"),
    "postmark.send_email": ("email", "/email", "mail:{}"),
    "plain.make_thing": ("thing", "/things", "thing:{}"),
    "plain.send_ping": ("ping", "/pings", "ping:{}"),
}


def terms(place: Place, command: str) -> Terms:
    """What holds in this run; means, limits and times are those of the provider files."""
    read = {name: file for name, file in files.read(place.folder).items() if name in place.providers}
    tenants = {name: {_digest(place.token(name, tenant)): tenant for tenant in place.tenants} for name in read}
    return Terms(
        seed=place.seed,
        command=command,
        kinds=tuple(_kinds(place, read)),
        limits=tuple(limit for file in read.values() for limit in _limits(file)),
        tenants=tenants,
        leases={name: file.call.lease for name, file in read.items()},
        totals={name: file.call.total for name, file in read.items()},
        settles={name: _least(file, "settle", _NEVER) for name, file in read.items()},
        kept={name: _least(file, "kept_for", 0.0) for name, file in read.items()},
        patience={name: file.retry.give_up_after for name, file in read.items()},
        windows={name: file.breaker.window for name, file in read.items()},
    )


def prepare(place: Place, say: Callable[[str], None]) -> dict[str, str]:
    """Make the tables; the environment of workers and client.

    Raises:
        SoakError: files or operations of one's own are wrong.
    """
    upgrade(place.database_url)
    for sentence in files.cut(files.given(place.files), place.folder):
        say(sentence)
    own = operations.read(place.operations, place.python_path) if place.operations else ()
    modules = dict.fromkeys(("soak.subject.tasks", *(one.task.rpartition(".")[0] for one in own), *place.plugins))
    environment = {
        "LOCKGATE_DATABASE_URL": place.database_url,
        "LOCKGATE_REDIS_URL": place.redis_url,
        "LOCKGATE_DATA_KEY": base64.urlsafe_b64encode(random.Random(place.seed).randbytes(32)).decode(),
        "LOCKGATE_PROVIDERS": os.pathsep.join((str(files.OURS), str(place.folder / files.CUT))),
        "LOCKGATE_TASKS": ",".join(modules),
    }
    for name, file in files.read(place.folder).items():
        if name in place.providers:
            environment |= _access(place, file)
    if own:
        _look_before(place, environment)
    return environment


def _access(place: Place, file: ProviderFile) -> dict[str, str]:
    """Where a provider is, and a credential of each tenant."""
    if file.name not in place.urls:
        raise SoakError(f"nothing stands in for {file.name}: describe it in a file, and name that with --standin")
    given = {f"LOCKGATE_{file.name.upper()}_BASE_URL": place.urls[file.name]}
    try:
        fields = import_module(file.adapter).ADAPTER.credentials
    except (ModuleNotFoundError, AttributeError) as error:
        raise SoakError(
            f"{file.name}: adapter {file.adapter!r} cannot be imported ({error}): say with --path where"
        ) from None
    for tenant in place.tenants:
        given |= {credential_name(file.name, field, tenant): place.token(file.name, tenant) for field in fields}
    return given


def _look_before(place: Place, environment: dict[str, str]) -> None:
    looked = subprocess.run(
        [sys.executable, "-m", "soak.subject.preflight"],
        env=place.environment() | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if looked.returncode:
        raise SoakError((looked.stdout or looked.stderr).strip().splitlines()[-1])


def worker(name: str, *, pool: str, slots: int) -> list[str]:
    """The command of one worker."""
    return [
        sys.executable, "-m", "celery", "-A", APP, "worker", "-P", pool, "-c", str(slots), "-n", f"{name}@%h",
        "-l", "INFO", "--without-gossip", "--without-mingle",
    ]  # fmt: skip


def operators() -> list[str]:
    """The command of the people who decide about dead letters meanwhile."""
    return [sys.executable, "-m", "soak.subject.operators"]


def ask(wishes: Sequence[Wish]) -> list[str]:
    """Ask for one, or for several of one kind at once; the tickets, in order. Runs in the client's process.

    Raises:
        Exception: one of UNSURE where nobody knows if it was taken; anything else is a refusal.
    """
    task = task_of(wishes[0].kind)
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


def task_of(kind: str) -> Any:
    """The task that asks for a kind."""
    if declared := os.environ.get(operations.MODULE):
        own = next(one for one in operations.read(declared) if one.kind == kind)
        where, _, name = own.task.rpartition(".")
        return getattr(import_module(where), name)
    from soak.subject import tasks as plain  # noqa: PLC0415  these read the environment, which prepare() has made
    from tasks import mail, payments  # noqa: PLC0415

    module = {"stripe": payments, "postmark": mail, "plain": plain}[kind.partition(".")[0]]
    return getattr(module, kind.partition(".")[2])


def _kinds(place: Place, read: dict[str, ProviderFile]) -> Iterator[Kind]:
    own: Sequence[Operation] = operations.read(place.operations, place.python_path) if place.operations else ()
    wanted = {one.kind: (one.effect, one.path, one.key) for one in own} or _KINDS
    for name, (effect, path, key) in wanted.items():
        provider, _, what = name.partition(".")
        file = read[provider]
        section = file.kinds[what]
        attempts = len(section.delays or file.retry.delays)
        yield Kind(name, section.means, effect, key, path, attempts)


def _limits(file: ProviderFile) -> Iterator[Limit]:
    """Limits per kind are left out: by the path alone the journal does not tell kinds apart."""
    for limit in file.limits:
        if "kind" not in limit.scope and not limit.kind:
            calls = limit.calls or limit.concurrent or 0
            yield Limit(file.name, int(calls), limit.per or 0.0, "tenant" in limit.scope)


def _least(file: ProviderFile, name: str, nothing: float) -> float:
    return min((getattr(kind, name) for kind in file.kinds.values() if getattr(kind, name)), default=nothing)


def _digest(token: str) -> str:
    """How the sandbox's journal names a credential."""
    return sha256(token.encode()).hexdigest()[:12]
