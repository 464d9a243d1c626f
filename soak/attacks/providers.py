"""Attacks on providers: outages of one, and one tenant that gets nothing but 429s."""

from typing import Any

from soak.attacks.field import OUTAGE, Field, Steps
from soak.faults import LAG

_LAGS: dict[str, dict[str, Any]] = {"fail": {}, "lag": {"params": {"seconds": LAG}}}
_MODES = ("503", "refuse", "hang", "reset", "429")


def outage(where: Field) -> Steps:
    """F26: a provider is down, in one of the ways in which providers are."""
    provider, mode = (
        where.rng.choice(where.stage.place.providers),
        where.rng.choice(_MODES),
    )
    where.stage.control("/outage", provider=provider, mode=mode, seconds=OUTAGE)
    where.say(f"{provider} is down for {OUTAGE:g} s ({mode})")
    yield OUTAGE


def storm(where: Field) -> Steps:
    """F12: one tenant gets nothing but 429s."""
    provider, tenant = where.rng.choice(where.stage.place.providers), where.rng.choice(where.stage.place.tenants)
    whose = where.stage.tenant_digest(provider, tenant)
    where.stage.control("/outage", provider=provider, mode="429", seconds=OUTAGE, tenant=whose)
    where.say(f"{provider} answers {tenant} with nothing but 429 for {OUTAGE:g} s")
    yield OUTAGE


def blind(where: Field) -> Steps:
    """F24: every look-up at a provider fails, or does not show what is younger than a moment."""
    provider, form = where.rng.choice(where.stage.place.providers), where.rng.choice(["fail", "lag"])
    order = {"fault": "F24", "form": form, "match": {"provider": provider}} | _LAGS[form]
    rule = where.stage.control("/faults", **order)["id"]
    where.say(f"look-ups at {provider}: {form}, for {OUTAGE:g} s")
    yield OUTAGE
    where.stage.lift(f"/faults/{rule}")
