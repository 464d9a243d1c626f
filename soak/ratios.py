"""Time is compressed, its ratios are not: what must hold between the durations of a run is asserted before it starts."""

from soak import faults
from soak.attacks import field
from soak.checker.terms import Terms


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
