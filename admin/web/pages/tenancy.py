"""Whose work somebody limited to some tenants looks at."""

from werkzeug.exceptions import Forbidden

from admin.access.person import Person


def of_one(person: Person, tenant: str | None) -> str | None:
    """The tenant to filter by: the one that was asked for; of somebody who is limited always one of theirs.

    Raises:
        Forbidden: it is none of theirs.
    """
    if person.tenants is None:
        return tenant
    wanted = tenant or person.tenants[0]
    if not person.sees(wanted):
        raise Forbidden(f"{person.name} may see {', '.join(person.tenants)} only")
    return wanted
