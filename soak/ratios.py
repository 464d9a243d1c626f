"""Time is compressed, its ratios are not: what must hold between the durations of a run is asserted before it starts."""

from collections.abc import Mapping

from soak import faults
from soak.attacks import field
from soak.checker.terms import Terms

_SPARE = 1.5  # for look-ups, second sends, and catching up after an attack


def check(agreed: Terms) -> list[str]:
    """Sentences for what does not hold; none when all is well.

    Args:
        agreed: with the times of the provider files.
    """
    wrong = []
    for provider, lease in agreed.leases.items():
        total, settle, kept, patience, window = (
            agreed.totals[provider], agreed.settles[provider], agreed.kept[provider], agreed.patience[provider],
            agreed.windows[provider],
        )  # fmt: skip
        pairs = [
            (total * 1.5 <= lease, "the lease outlasts a call by half"),
            (window >= total, "the breaker's window is no shorter than a call"),
            (
                not kept or kept >= 2 * total + lease + settle,
                "a key is kept for longer than a call, a lease and settle together",
            ),
            (settle > faults.LATE, "an effect that comes late comes within settle"),
            (settle > faults.LAG, "a look-up lags by less than settle"),
            (lease < field.FREEZE, "a freeze outlasts the lease"),
            (patience > 4 * field.OUTAGE, "an outage is much shorter than the time after which one gives up"),
        ]
        wrong += [f"{provider}: {sentence}" for holds, sentence in pairs if not holds]
    return wrong


def room(agreed: Terms, pace: float, shares: Mapping[str, float], tenants: int) -> list[str]:
    """Sentences for limits that leave no room for what is asked for: work would die of its deadline, and not of a mistake.

    Args:
        agreed: with the limits.
        pace: operations per second.
        shares: of each provider, the part that is asked of it.
        tenants: among which each part is spread.
    """
    wrong = []
    for limit in agreed.limits:
        asked = pace * shares.get(limit.provider, 0.0) / (tenants if limit.tenant else 1)
        if limit.per and asked * _SPARE > limit.calls / limit.per:
            most = pace * limit.calls / limit.per / asked / _SPARE
            wrong.append(f"{limit.said} is too little: use --pace {most:.2g} or less")
    return wrong
