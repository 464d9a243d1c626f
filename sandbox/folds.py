"""What the journal says, seen from every side; each part follows the journal and nothing else."""

from dataclasses import dataclass

from sandbox.calls import Calls
from sandbox.effects import Effects
from sandbox.faults.outages import Outages
from sandbox.faults.plan import Plan
from sandbox.faults.rules import Rules
from sandbox.journal import Journal
from sandbox.limits import Limits
from sandbox.settings import Settings
from sandbox.tenants import Tenants


@dataclass(frozen=True, slots=True)
class Folds:
    """What was called and done, and what was ordered."""

    calls: Calls
    effects: Effects
    limits: Limits
    outages: Outages
    plan: Plan
    rules: Rules
    settings: Settings
    tenants: Tenants


def folds_of(journal: Journal, *, seed: int) -> Folds:
    """Return the folds, waiting for the journal to be loaded."""
    calls = Calls(journal)
    return Folds(
        calls=calls,
        effects=Effects(journal),
        limits=Limits(journal, calls),
        outages=Outages(journal),
        plan=Plan(journal),
        rules=Rules(journal, seed=seed),
        settings=Settings.following(journal),
        tenants=Tenants(journal),
    )
