"""Everything that a page shows of one dead letter, read at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deadletter.edit import refuse_edit
from deadletter.requeue import refuse
from deadletter.retention import Countdown, countdown
from deadletter.review import Step, describe_closed, last_status, next_step
from integrations.registry import BoundKind, Registry
from ledger import edits, groups, history, letters, looks, run_letters
from ledger.edits import Edit
from ledger.groups import Group
from ledger.history import Story
from ledger.lanes import LOCAL
from ledger.letters import Dead
from ledger.looks import Look
from ledger.related import Related, related
from ledger.session import Ledger
from operations.errors import NotAllowedError
from operations.outcome import Effect
from operations.states import State


@dataclass(frozen=True, slots=True)
class Dossier:
    """One dead letter.

    Attributes:
        dead: the letter, and its operation as it stands.
        story: what was asked, tried, heard and changed; evidence was redacted when it was written.
        step: the sensible next step, and why.
        may: of requeue, edit, resolve and discard, why not; empty where it may be done.
        group: what failed alike.
        looks: what the provider showed when people asked, the newest first.
        related: other operations about the same entity.
        edits: corrected arguments; they may be personal.
        runs: number, name and how it fares in it.
        retention: what runs out, and when.
        asks: whether the provider can be asked about it.
    """

    dead: Dead
    story: Story
    step: Step
    may: Mapping[str, str]
    group: Group | None
    looks: Sequence[Look]
    related: Sequence[Related]
    edits: Sequence[Edit]
    runs: Sequence[tuple[int, str, str]]
    retention: Countdown
    asks: bool

    @property
    def look(self) -> Look | None:
        """The last look for which the provider was asked."""
        return next((look for look in self.looks if look.asked), None)

    @property
    def fresh(self) -> Look | None:
        """That look, where it was made since the letter is dead."""
        return self.look if self.look is not None and self.look.at > self.dead.letter.dead_at else None

    @property
    def waits(self) -> Edit | None:
        """What was proposed for it, and waits for a second person."""
        return next((edit for edit in self.edits if edit.state == "waiting"), None) if self.step.command else None

    @property
    def shown(self) -> bool:
        """The provider shows that it happened, and only somebody has to say so."""
        return self.fresh is not None and self.fresh.there.get("effect") == "done" and not self.may["resolve"]

    @property
    def doubt(self) -> bool:
        """It may have happened, and nothing but a look says whether: no button may be suggested before that."""
        looked_for = self.step.action == "resolve" and "--as declined" not in self.step.command
        return self.dead.effect == Effect.UNKNOWN and looked_for and not self.shown and not self.dead.reference


def dossier(ledger: Ledger, registry: Registry, letter_id: int) -> Dossier | None:
    """A dead letter's own story; None when there is none of this number.

    Raises:
        ledger.seal.SealError: the data key does not open its evidence.
    """
    with ledger.connection() as connection:
        dead = letters.look(connection, letter_id)
        story = None if dead is None else history.story(ledger, connection, dead.id)
        if dead is None or story is None:
            return None
        bound = registry.kinds.get(dead.kind)
        return Dossier(
            dead=dead,
            story=story,
            step=next_step(dead, bound, status=last_status(story)),
            may=allowed(dead, bound),
            group=groups.get(connection, dead.letter.fingerprint),
            looks=looks.of_operation(connection, dead.id),
            related=related(connection, dead.id),
            edits=edits.of_letter(ledger, connection, letter_id),
            runs=run_letters.of_letter(connection, letter_id),
            retention=countdown(dead, story.operation),
            asks=bound is not None and bound.assurance.means.asks and dead.was_sent,
        )


def allowed(dead: Dead, bound: BoundKind | None) -> dict[str, str]:
    """What may be done about a letter: an empty sentence, or why not."""
    closed = "" if dead.letter.status == "open" and dead.state == State.DEAD else describe_closed(dead)
    plain = f"{dead.letter.name} is a plain task without an effect to speak of" if dead.provider == LOCAL else ""
    unknown = ""
    if dead.provider != LOCAL and bound is None:
        unknown = f"this deployment does not know the kind {dead.kind}: name its files in LOCKGATE_PROVIDERS"
    done = "it is done at the provider: resolve it as succeeded" if Effect(dead.effect) is Effect.DONE else ""
    return {
        "requeue": unknown or _why_not(lambda: refuse(dead, bound)),
        "edit": unknown or _why_not(lambda: refuse_edit(dead, bound)),
        "resolve": closed or plain,
        "decline": closed or plain or done,
        "rule_out": closed or plain or done,
        "discard": closed,
    }


def _why_not(check: Callable[[], object]) -> str:
    try:
        check()
    except NotAllowedError as error:
        return str(error)
    return ""
