"""One decision about all that failed alike, or about several approvals: each by itself, and what was refused is told."""

from collections.abc import Callable, Iterable
from functools import partial

from flask import url_for
from pydantic import Field

from admin.access.person import Person, Role
from admin.web.pages.edits import theirs
from admin.web.place import Place
from admin.web.route import Done, Reason, order
from deadletter import resolve as resolving
from ledger import letters
from ledger.audit import Order
from operations.errors import InvalidArgumentsError, NotAllowedError
from tasks import edit as editing

MOST = 100  # of one order: somebody waits for the page


class Approved(Reason):
    """Which corrections."""

    edit: list[int] = Field(min_length=1, max_length=MOST)


@order("/groups/<fingerprint>/discard", needs=Role.OPERATOR)
def discard_group(place: Place, person: Person, fingerprint: str, given: Reason) -> Done:
    """Give up those of a group that wait, the newest 100; what waits for them goes on with a failure."""
    who = Order(person.name, given.because)
    return _of_group(
        place, person, fingerprint, "discarded", lambda letter_id: resolving.discard(place.ledger, letter_id, who)
    )


@order("/groups/<fingerprint>/renew", needs=Role.OPERATOR)
def renew_group(place: Place, person: Person, fingerprint: str, given: Reason) -> Done:
    """Send those of a group that wait, the newest 100, as they are with a new key; money waits for a second person."""
    who = Order(person.name, given.because)
    waiting: list[int] = []

    def renew(letter_id: int) -> None:
        made = editing.propose(place.platform, letter_id, {}, who)
        if made.state == "waiting":
            waiting.append(letter_id)

    done = _of_group(place, person, fingerprint, "sent with a new key", renew)
    if not waiting:
        return done
    return Done(f"{done.said}; as it is money, somebody else has to approve it first", url_for("page.edits"))


@order("/edits/approve", needs=Role.OPERATOR)
def approve_edits(place: Place, person: Person, given: Approved) -> Done:
    """Let several corrections go out, as a second person."""
    who = Order(person.name, given.because)
    for edit_id in given.edit:
        theirs(place, person, edit_id)
    approve = partial(editing.approve, place.platform, order=who)
    said = _each(given.edit, approve, lambda count: f"{count} {'goes' if count == 1 else 'go'} out")
    return Done(said, url_for("page.edits"))


def _of_group(
    place: Place, person: Person, fingerprint: str, how: str, decide: Callable[[int], object]
) -> Done:  # fmt: skip
    wanted = letters.Wanted(fingerprint=fingerprint, tenants=person.tenants, limit=MOST)
    with place.ledger.connection() as connection:
        found = letters.listed(connection, wanted)
    if not found:
        raise NotAllowedError("none of them is open any more")
    said = _each(
        [letter.id for letter in found], decide, lambda count: f"{count} {'is' if count == 1 else 'are'} {how}"
    )
    more = f"; these were the newest {MOST}, press again for the others" if len(found) == MOST else ""
    return Done(said + more, url_for("page.group", fingerprint=fingerprint))


def _each(ids: Iterable[int], decide: Callable[[int], object], told: Callable[[int], str]) -> str:
    """Decide about each in a transaction of its own; one sentence.

    Raises:
        NotAllowedError: all were refused.
    """
    done, refused = 0, list[str]()
    for each in ids:
        try:
            decide(each)
            done += 1
        except (NotAllowedError, InvalidArgumentsError) as error:
            refused.append(str(error))
    if not done:
        raise NotAllowedError(
            f"none of {len(refused)}, the first because {refused[0]}" if refused else "nothing was chosen"
        )
    return f"{told(done)}{f'; {len(refused)} not, the first because {refused[0]}' if refused else ''}"
