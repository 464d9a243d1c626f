"""Who asks: a person or a program, with a role, and perhaps with some tenants only."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do. Each includes the one before."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether who has this role may do what the other asks for."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known.

    Attributes:
        name: as the audit names them; a program's is `token:<name>`.
        tenants: those whose work they may see; all when None.
        account: the account's id, of who came with a password.
        identity: the identity's id, of who came through an OpenID provider.
    """

    name: str
    role: Role
    tenants: tuple[str, ...] | None = None
    account: int | None = None
    identity: int | None = None

    def may(self, role: Role) -> bool:
        """Whether they may do what asks for a role."""
        return self.role.includes(role)

    def sees(self, tenant: str) -> bool:
        """Whether they may see a tenant's work."""
        return self.tenants is None or tenant in self.tenants

    @property
    def everywhere(self) -> bool:
        """Whether they may see and do what concerns all tenants at once."""
        return self.tenants is None
