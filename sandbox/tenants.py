"""Who calls: every non-empty token is a tenant, known by a digest and never by the token itself."""

import hashlib
from dataclasses import dataclass, field

from sandbox.journal import Journal, Json

NOBODY = "nobody"
Key = tuple[str, str]  # provider, tenant


def tenant_of(token: str) -> str:
    """Return the short name under which a token stands in the journal."""
    return hashlib.sha256(token.encode()).hexdigest()[:12] if token else NOBODY


@dataclass(slots=True)
class Standing:
    """What control has said about one tenant."""

    account: str | None = None
    revoked: bool = False
    forbidden: list[str] = field(default_factory=list)


class Tenants:
    """What is known of tenants: revoked, without a scope, or another name for an account."""

    def __init__(self, journal: Journal) -> None:
        self._known: dict[Key, Standing] = {}
        journal.follow("control", self._take)

    def account(self, provider: str, tenant: str) -> str:
        """Return the account that a tenant's token opens; control may give several tokens the same."""
        standing = self._known.get((provider, tenant))
        return (standing and standing.account) or f"acct_{tenant}"

    def complaint(self, provider: str, tenant: str, path: str) -> str | None:
        """Return why this tenant may not call this path, if it may not."""
        if tenant == NOBODY:
            return "unknown"
        standing = self._known.get((provider, tenant))
        if standing is None:
            return None
        if standing.revoked:
            return "revoked"
        return "forbidden" if any(path.startswith(prefix) for prefix in standing.forbidden) else None

    def _take(self, event: Json) -> None:
        if (event["method"], event["path"]) == ("POST", "/tenants"):
            facts = dict(event["body"])
            standing = self._known.setdefault((facts.pop("provider"), facts.pop("tenant")), Standing())
            for name, value in facts.items():
                setattr(standing, name, value)
