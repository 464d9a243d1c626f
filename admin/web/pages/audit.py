"""The audit: who did what by hand, when and why."""

from dataclasses import dataclass

from pydantic import Field

from admin.access.person import Role
from admin.web.place import Place
from admin.web.route import Taken, read
from ledger.audit import Noted, trail

_PAGE = 50


class Filter(Taken):
    """Which changes."""

    actor: str | None = Field(None, max_length=200)
    action: str | None = Field(None, max_length=200)
    target: str | None = Field(None, max_length=300)
    before: int | None = Field(None, description="The last id of the page before.")


@dataclass(frozen=True, slots=True)
class Audit:
    """A page of changes, the newest first; `next` is where the following one begins."""

    given: Filter
    rows: list[Noted]
    next: int | None


@read("/audit", "audit.html", needs=Role.VIEWER, everywhere=True)
def audit(place: Place, given: Filter) -> Audit:
    """What was done by hand."""
    with place.ledger.connection() as connection:
        rows = trail(
            connection, before=given.before, actor=given.actor, action=given.action, target=given.target, limit=_PAGE
        )
    return Audit(given, rows, rows[-1].id if len(rows) == _PAGE else None)
