"""What control may be told; anything else is refused with a sentence, and nothing is journaled."""

from collections.abc import Callable
from dataclasses import fields

from sandbox.faults.catalogue import CATALOGUE
from sandbox.faults.outages import MODES
from sandbox.journal import Json
from sandbox.settings import Settings
from sandbox.tenants import tenant_of

NUMBER = (int, float)
MATCH = {"provider": str, "method": str, "path_prefix": str, "business": str, "tenant": str, "nth_attempt": int}
Kinds = dict[str, type | tuple[type, ...]]
Names = tuple[str, ...]  # of the providers that there are
PARAMS: Kinds = {
    "all": bool,
    "bytes": int,
    "flap": NUMBER,
    "headers": dict,
    "latency": NUMBER,
    "lines": int,
    "location": str,
    "patience": NUMBER,
    "retry_after": (str, int, float, list),
    "seconds": NUMBER,
    "status": int,
}


class BadOrderError(ValueError):
    """Control was told something that it does not understand."""


def fault(body: Json, _: Names) -> Json:
    """Return a rule's order, checked against the catalogue."""
    kinds: Kinds = {"fault": str, "variant": str, "form": str, "match": dict, "times": int, "params": dict}
    order = _checked(body, kinds | {"probability": NUMBER}, needed=("fault",))
    _checked(order.get("match", {}), dict(MATCH))
    row = CATALOGUE.get(order["fault"])
    if row is None:
        raise BadOrderError(f"there is no fault {order['fault']!r}; GET /faults/catalogue lists them")
    _among("variant", order.get("variant"), row.variants)
    _among("form", order.get("form"), row.forms)
    _params(row.id, order.get("params", {}))
    return order


def plan(body: Json, known: Names) -> Json:
    """Return a plan's orders, checked against the catalogue."""
    kinds: Kinds = {"seed": int, "share": NUMBER, "faults": list, "first_attempts": int, "look_ups": bool}
    order = _checked(body, kinds | {"providers": list, "params": dict}, needed=("seed", "share", "faults"))
    for name in (*order["faults"], *order.get("params", {})):
        _among("faults", name, tuple(CATALOGUE))
    for name in order.get("providers", ()):
        _among("providers", name, known)
    for name, params in order.get("params", {}).items():
        _params(name, params)
    return order


def outage(body: Json, known: Names) -> Json:
    """Return an outage's order."""
    lasting: Kinds = {"seconds": NUMBER, "latency": NUMBER, "flap": NUMBER}
    order = _checked(body, lasting | {"provider": str, "mode": str, "tenant": str}, needed=("provider", "mode"))
    _among("provider", order["provider"], known)
    _among("mode", order["mode"], tuple(MODES))
    _positive(order, "flap")
    return order


def limit(body: Json, known: Names) -> Json:
    """Return a limit's order."""
    kinds: Kinds = {"provider": str, "scope": str, "calls": int, "per": NUMBER, "concurrent": int}
    order = _checked(body, kinds, needed=("provider",))
    _among("provider", order["provider"], known)
    _among("scope", order.get("scope"), ("provider", "tenant"))
    _positive(order, "calls", "per", "concurrent")
    if "calls" not in order and "concurrent" not in order:
        raise BadOrderError("a limit needs `calls` or `concurrent`")
    return order


def config(body: Json, _: Names) -> Json:
    """Return new settings."""
    return _checked(body, {field.name: NUMBER for field in fields(Settings)})


def tenant(body: Json, known: Names) -> Json:
    """Return what is said of a tenant, its token replaced by its name: no credential reaches the journal."""
    kinds: Kinds = {"provider": str, "token": str, "tenant": str, "account": str, "revoked": bool, "forbidden": list}
    order = _checked(body, kinds, needed=("provider",))
    _among("provider", order["provider"], known)
    token = order.pop("token", None)
    order.setdefault("tenant", tenant_of(token) if token else None)
    if order["tenant"] is None:
        raise BadOrderError("`token` or `tenant` must say who is meant")
    return order


def nothing(body: Json, _: Names) -> Json:
    """Return an order that says all by its path."""
    return _checked(body, {})


ORDERS: dict[tuple[str, str], Callable[[Json, Names], Json]] = {
    ("POST", "faults"): fault,
    ("POST", "plan"): plan,
    ("POST", "outage"): outage,
    ("POST", "limits"): limit,
    ("POST", "config"): config,
    ("POST", "tenants"): tenant,
    ("POST", "reset"): nothing,
    ("DELETE", "faults"): nothing,
    ("DELETE", "plan"): nothing,
    ("DELETE", "outage"): nothing,
    ("DELETE", "limits"): nothing,
    ("DELETE", "keys"): nothing,
}


def _checked(body: Json, kinds: Kinds, *, needed: tuple[str, ...] = ()) -> Json:
    """Return the given names without those that are null; raises for a name or a kind that is not known."""
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name not in kinds:
            raise BadOrderError(f"`{name}` is not known here; known are {', '.join(sorted(kinds))}")
        if not isinstance(value, kinds[name]) or (isinstance(value, bool) and kinds[name] is not bool):
            raise BadOrderError(f"`{name}` is of the wrong kind: {value!r}")
    for name in needed:
        if name not in given:
            raise BadOrderError(f"`{name}` is missing")
    return given


def _among(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise BadOrderError(f"`{name}` may be one of {', '.join(choices) or 'nothing'}, and not {value!r}")


def _positive(order: Json, *names: str) -> None:
    for name in names:
        if name in order and order[name] <= 0:
            raise BadOrderError(f"`{name}` must be greater than 0")


def _params(fault_id: str, params: Json) -> None:
    _checked(params, {name: PARAMS[name] for name in CATALOGUE[fault_id].params})
