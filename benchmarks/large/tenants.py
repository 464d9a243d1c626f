"""Ten thousand tenants of one provider, one of whom has a hundred thousand operations waiting: what the others notice."""

from collections.abc import Mapping
from typing import Any

from benchmarks.contender import CONTENDERS
from benchmarks.enqueue import fields
from benchmarks.large.parts import Caller, accept, caller, one, until, worker
from benchmarks.place import Place
from config.settings import credential_name

_LATENCY = 50  # ms of the provider
_ASKING = 200  # tenants at most that order something while it lasts, one after the other
_ENDED = "SELECT count(*) FROM lockgate.operations WHERE tenant <> %s AND state = 'succeeded'"
_DELAYS = """
SELECT percentile_cont(ARRAY[0.5, 0.95, 1.0]) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - accepted_at))
FROM lockgate.operations WHERE business_key LIKE %s
"""
_BIG = "t00000"


def tenants(place: Place, *, count: int, rows: int) -> dict[str, Any]:
    """Seconds from acceptance to the end (p50, p95, most) of the others, without and beside the backlog of one.

    Args:
        place: servers.
        count: tenants.
        rows: operations of one of them that wait.
    """
    where = place.fresh(2)
    environment = where.environment(_LATENCY) | credentials(count)
    contender = next(each for each in CONTENDERS if each.name == "lockgate")
    log, asking = where.folder / "tenants.log", min(_ASKING, count - 1)
    with worker(contender, environment, log), caller("delay", environment) as own:
        _ask(own, "known", asking, where, log)  # each account is looked up once, and that is not what is measured
        _ask(own, "calm", asking, where, log)
        accept(environment, "backlog", rows, tenant=_BIG)
        _ask(own, "beside", asking, where, log)
        left = one(where.database_url, "SELECT count(*) FROM lockgate.operations WHERE state <> 'succeeded'")
        accept_all(environment, count, where, log)
    found = {name: _delays(where, name) for name in ("calm", "beside", "all")}
    if not left:
        raise RuntimeError("the backlog was gone before the others were through: take more rows")
    print(f"  tenants: {found}; {left:,} of the one waited still", flush=True)
    return {"tenants": count, "rows": rows, "left": left, "seconds": found}


def accept_all(environment: Mapping[str, str], count: int, where: Place, log: object) -> None:
    """One operation for each of the others, at once."""
    items = [fields("all", number) | {"tenant": tenant(number)} for number in range(1, count)]
    before = one(where.database_url, _ENDED, [_BIG])
    with caller("accept_many", environment) as own:
        own.send(items)
    until(lambda: one(where.database_url, _ENDED, [_BIG]) >= before + len(items), log, every=0.5)


def _ask(own: Caller, name: str, asking: int, where: Place, log: object) -> None:
    before = one(where.database_url, _ENDED, [_BIG])
    for number in range(1, asking + 1):
        own.send([fields(name, number) | {"tenant": tenant(number)}])
    until(lambda: one(where.database_url, _ENDED, [_BIG]) >= before + asking, log)


def _delays(where: Place, name: str) -> dict[str, float]:
    p50, p95, most = one(where.database_url, _DELAYS, [f"%{name}-%"])
    return {"p50": p50, "p95": p95, "most": most}


def tenant(number: int) -> str:
    """The name of one of them."""
    return f"t{number:05}"


def credentials(count: int) -> dict[str, str]:
    """Those of all of them, as the environment has them."""
    return {credential_name("stripe", "api_key", tenant(number)): f"sk_test_{number:05}" for number in range(count)}
