"""What a tenant notices of another one's trouble: alone, and beside one who is well, throttled, refused, hung or slow."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.contender import CONTENDERS
from benchmarks.enqueue import fields
from benchmarks.large.parts import Caller, caller, one, until, worker
from benchmarks.large.tenants import credentials, tenant
from benchmarks.place import Place

_LATENCY = 0.05  # seconds of the provider
_EVERY = 0.1  # seconds from one operation of a tenant to its next
_OWN, _WARM = 0, 20  # the number of the tenant who is looked at; operations of its that come before
_PAYER = {"customer": "cus_demo1", "payment_method": "pm_card_visa"}  # whom the sandbox knows
_ENDED = "SELECT count(*) FROM lockgate.operations WHERE business_key LIKE %s AND ended_at IS NOT NULL"
_LEFT = "SELECT count(*) FROM lockgate.operations WHERE business_key LIKE %s AND ended_at IS NULL"
_TOOK = """
SELECT count(*)::float || percentile_cont(ARRAY[0.5, 0.95, 1.0]) WITHIN GROUP (ORDER BY took)
FROM lockgate.operations, LATERAL (SELECT extract(epoch FROM ended_at - accepted_at) AS took) AS one
WHERE business_key LIKE %s AND state = 'succeeded'
"""

Ask = Callable[..., dict[str, Any]]
Trouble = Callable[[Ask, str], object]
#: What befalls the neighbour; its credential is given.
_TROUBLES: dict[str, Trouble | None] = {
    "alone": None,
    "well": lambda *_: None,
    "429": lambda ask, token: ask("/outage", provider="stripe", mode="429", tenant=_account(ask, token)),
    "refused": lambda ask, token: ask("/tenants", provider="stripe", token=token, revoked=True),
    "hung": lambda ask, token: ask("/outage", provider="stripe", mode="hang", tenant=_account(ask, token)),
    "slow": lambda ask, token: ask(
        "/outage", provider="stripe", mode="slow", latency=50 * _LATENCY, tenant=_account(ask, token)
    ),
}


def neighbours(place: Place, *, count: int, rounds: int) -> dict[str, Any]:
    """Seconds from acceptance to the end (p50, p95, most), and the p95 as a ratio to that of the tenant alone.

    In each round, and for each trouble, the neighbour is another tenant whom nobody has called before.

    Args:
        place: servers.
        count: operations of the tenant in each case, and as many of its neighbour's.
        rounds: the median of so many is taken.
    """
    runs: list[dict[str, dict[str, float]]] = []
    contender = next(each for each in CONTENDERS if each.name == "lockgate")
    log = place.folder / "neighbours.log"
    accounts = credentials(1 + rounds * len(_TROUBLES))
    with _sandbox(place.folder / "neighbours.journal") as (url, ask):
        environment = place.environment(0) | accounts | {"LOCKGATE_STRIPE_BASE_URL": url}
        ask("/config", latency=_LATENCY)
        with worker(contender, environment, log), caller("delay", environment) as own:
            _order(own, "warm", _WARM, None)
            _took(place, "warm", _WARM, log)
            for at in range(rounds):
                found = {}
                for number, name in enumerate(_rotated(list(_TROUBLES), at), start=1 + at * len(_TROUBLES)):
                    case, trouble = f"{name}-{at}", _TROUBLES[name]
                    if trouble is not None:
                        trouble(ask, _credential(accounts, number))
                    _order(own, case, count, None if trouble is None else number)
                    found[name] = _took(place, case, count, log)
                    ask("/outage", method="DELETE")
                    if name != "refused":  # its operations wait for another credential; all others' come to their end
                        _end(place, case, log)
                runs.append({name: found[name] for name in _TROUBLES})
                print(f"  neighbours: {runs[-1]}", flush=True)
    p95 = {name: [run[name]["p95"] / run["alone"]["p95"] for run in runs] for name in _TROUBLES}
    return {"ratio of p95": {name: [min(all_), median(all_), max(all_)] for name, all_ in p95.items()}, "runs": runs}


def _rotated(names: list[str], by: int) -> list[str]:
    """Each round begins with another one, so that none has an empty ledger to itself."""
    return names[by % len(names) :] + names[: by % len(names)]


def _took(place: Place, case: str, count: int, log: Path) -> dict[str, float]:
    """What the tenant's own took, once all have ended.

    Raises:
        RuntimeError: not all have ended well.
    """
    until(lambda: one(place.database_url, _ENDED, [f"%own-{case}-%"]) == count, log)
    well, p50, p95, most = map(float, one(place.database_url, _TOOK, [f"%own-{case}-%"]))
    if well != count:
        raise RuntimeError(f"only {well:.0f} of {count} of the tenant who is well have succeeded: see {log}")
    return {"p50": p50, "p95": p95, "most": most}


def _end(place: Place, case: str, log: Path) -> None:
    until(lambda: one(place.database_url, _LEFT, [f"%-{case}-%"]) == 0, log)


def _order(own: Caller, name: str, count: int, other: int | None) -> None:
    """So many operations of the tenant, and of the other one if there is one, as steadily as the machine allows."""
    begins = time.monotonic()
    for number in range(count):
        items = [fields(f"own-{name}", number) | _PAYER | {"tenant": tenant(_OWN)}]
        if other is not None:
            items.insert(0, fields(f"other-{name}", number) | _PAYER | {"tenant": tenant(other)})
        time.sleep(max(0.0, begins + number * _EVERY - time.monotonic()))
        own.send(items)


def _account(ask: Ask, token: str) -> str:
    return str(ask("/tenants", provider="stripe", token=token)["tenant"])


def _credential(accounts: Mapping[str, str], number: int) -> str:
    return list(accounts.values())[number]


@contextmanager
def _sandbox(journal: Path) -> Iterator[tuple[str, Ask]]:
    """The lying provider, where it plays Stripe, and what gives it orders."""
    argv = [sys.executable, "-m", "sandbox", "--journal", str(journal)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        urls = json.loads(process.stdout.readline())

        def ask(path: str, *, method: str = "POST", **order: Any) -> dict[str, Any]:
            body = json.dumps(order).encode() if order else None
            with urlopen(Request(urls["control"] + path, data=body, method=method)) as answer:  # noqa: S310  our own
                return dict(json.load(answer))

        yield urls["stripe"], ask
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
