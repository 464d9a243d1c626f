"""How much of a provider's limit is used while more waits than it lets pass."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.contender import CONTENDERS
from benchmarks.large.parts import accept, one, until, worker
from benchmarks.large.tenants import credentials, tenant
from benchmarks.place import Place
from resilience.limiter import Limit

_SECONDS = 20  # for which each limit is pressed against, if all of it were used
_CASES = ((20, 1), (100, 1), (40, 8))  # calls a second, and tenants that share them
_LEFT = "SELECT count(*) FROM lockgate.operations WHERE state <> 'succeeded'"
#: Calls a second in the middle three fifths: the start is a full bucket, and the end has nothing to wait for any more.
_PACE = """
SELECT count(*) / extract(epoch FROM max(started_at) - min(started_at))
FROM (SELECT started_at, ntile(5) OVER (ORDER BY started_at) AS fifth FROM lockgate.attempts) AS one
WHERE fifth BETWEEN 2 AND 4
"""


def limited(place: Place) -> dict[str, Any]:
    """For each limit the share of it that is used, and the share of what the limiter grants."""
    found: dict[str, Any] = {}
    contender = next(each for each in CONTENDERS if each.name == "lockgate")
    for number, (calls, tenants) in enumerate(_CASES, start=2):
        where = place.fresh(number)
        own = {"LOCKGATE_PROVIDERS": str(_providers(where.folder, calls))} | credentials(tenants)
        environment = where.environment(0) | own
        log = where.folder / f"limited-{number}.log"
        for whose in range(tenants):
            accept(environment, f"limited-{number}-{whose}", calls * _SECONDS // tenants, tenant=tenant(whose))
        with worker(contender, environment, log):
            until(lambda where=where: one(where.database_url, _LEFT) == 0, log, every=0.5)  # type: ignore[misc]
        pace, granted = float(one(where.database_url, _PACE)), Limit("", (), calls, 1.0).rate
        name = f"{calls} a second for {tenants}"
        found[name] = {"of the limit": pace / calls, "of what is granted": pace / granted}
        print(f"  {name}: {pace:.1f}", flush=True)
    return found


def _providers(folder: Path, calls: int) -> Path:
    """Stripe's file of this benchmark with one limit more, for all tenants together."""
    own = folder / f"providers-{calls}"
    own.mkdir()
    content = tomllib.loads((folder / "providers/stripe.toml").read_text())
    content["limits"].append({"calls": calls, "per": "1s", "scope": []})
    (own / "stripe.toml").write_text(tomli_w.dumps(content))
    return own
