"""What was agreed before the run: the kinds with their means, the limits, who is who. A file of the run's folder."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "terms.json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of operation.

    Attributes:
        name: such as `stripe.take_payment`; its provider stands before the dot.
        means: K, N, Q or X.
        effect: what the provider's journal calls its effect.
        key: the business key, with `{}` for the client's name of the wish.
        path: where it is sent; what is written elsewhere, such as a cancellation, is no second send.
        attempts: sends that it may use up.
    """

    name: str
    means: str
    effect: str
    key: str
    path: str
    attempts: int = 5

    @property
    def provider(self) -> str:
        """Whose it is."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Limit:
    """What a provider grants: calls in a window, or calls at once; to all, or to each tenant."""

    provider: str
    calls: int
    per: float = 0.0
    tenant: bool = True

    @property
    def said(self) -> str:
        """In words."""
        whose = "per tenant" if self.tenant else "in all"
        return f"{self.provider}: {self.calls} {f'in {self.per:g} s' if self.per else 'at once'} {whose}"


@dataclass(frozen=True, slots=True)
class Terms:
    """All of it.

    Attributes:
        tenants: of each provider, the digest of each credential and whose it is.
        leases: of each provider, the seconds for which an operation is claimed.
        totals: the seconds that a call may take; settles: after which an effect shows; kept: for which a key is kept,
            0 where there are none; patience: after which one gives up; windows: the breaker's. All of each provider.
        command: what runs it again.
    """

    seed: int
    command: str
    kinds: tuple[Kind, ...]
    limits: tuple[Limit, ...] = ()
    tenants: dict[str, dict[str, str]] = field(default_factory=dict)
    leases: dict[str, float] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    settles: dict[str, float] = field(default_factory=dict)
    kept: dict[str, float] = field(default_factory=dict)
    patience: dict[str, float] = field(default_factory=dict)
    windows: dict[str, float] = field(default_factory=dict)

    def kind(self, name: str) -> Kind | None:
        """One kind by its name."""
        return next((kind for kind in self.kinds if kind.name == name), None)

    def write(self, folder: Path) -> None:
        """Put it into a run's folder."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1))


def read(folder: Path) -> Terms:
    """The terms of a run."""
    said: dict[str, Any] = json.loads((folder / FILE).read_text())
    said["kinds"] = tuple(Kind(**kind) for kind in said["kinds"])
    said["limits"] = tuple(Limit(**limit) for limit in said["limits"])
    return Terms(**said)
