"""What a checked ID token says of somebody: who they are, their role here, and whose work they see."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from admin.access.openid.refused import LiedError, NoRoleError
from admin.access.person import Role
from config.openid import OpenId
from config.settings import TENANT

PREFIX = "oidc:"  # no account and no token can have a name that begins so
_LONGEST = 255  # characters of a subject: OpenID Connect Core 1.0, 2
_CALLED = ("preferred_username", "email", "name", "sub")
_UNUSUAL = re.compile(r"[^a-z0-9._@-]+")
_SHOWN = 40  # characters of what somebody is called
_DIGITS = 12  # of the hash that tells people of one name apart
_ALL = "*"


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody whom the provider has named.

    Attributes:
        subject: who they are at the provider, for ever; never given to anybody else.
        name: for pages and the audit, when they come for the first time; later ones do not change it.
        tenants: those whose work they see; all when None.
    """

    issuer: str
    subject: str
    name: str
    role: Role
    tenants: list[str] | None


def known(given: OpenId, claims: Mapping[str, Any]) -> Known:
    """Who somebody is.

    Raises:
        LiedError: the subject is none.
        NoRoleError: they may do nothing here.
    """
    subject, name = named(given, claims)
    role, tenants = _role(given, claims), None
    if role is None:
        raise NoRoleError(
            "The OpenID provider knows you, and gives you no role here: ask whoever manages access to put you into a group "
            "that has one."
        )
    if given.tenants_claim:
        tenants = _tenants(_values(claims, given.tenants_claim))
    return Known(given.issuer, subject, name, role, tenants)


def named(given: OpenId, claims: Mapping[str, Any]) -> tuple[str, str]:
    """Somebody's subject, and the name that they get when they come for the first time.

    Raises:
        LiedError: the subject is none.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST or not subject.isprintable():
        raise LiedError("The OpenID provider does not say who you are: nobody is signed in.")
    said = next((str(claims[each]) for each in _CALLED if isinstance(claims.get(each), str) and claims[each]), subject)
    called = _UNUSUAL.sub("-", said.lower())[:_SHOWN].strip("-") or "somebody"
    digest = hashlib.sha256(f"{given.issuer}\x00{subject}".encode()).hexdigest()[:_DIGITS]
    return subject, f"{PREFIX}{called}~{digest}"


def _role(given: OpenId, claims: Mapping[str, Any]) -> Role | None:
    """The highest of the roles that their values make."""
    made = [Role(given.roles[value]) for value in _values(claims, given.role_claim) if value in given.roles]
    return max(made, key=list(Role).index, default=None)


def _tenants(values: list[str]) -> list[str] | None:
    if _ALL in values:
        return None
    found = sorted({value for value in values if TENANT.fullmatch(value)})
    if not found:
        raise NoRoleError(
            "The OpenID provider knows you, and names no tenant whose work you may see: ask whoever manages access."
        )
    return found


def _values(claims: Mapping[str, Any], path: str) -> list[str]:
    """The texts of a claim: of that name, or where the name's dots lead, as in `realm_access.roles`."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return [value for value in listed if isinstance(value, str)]
