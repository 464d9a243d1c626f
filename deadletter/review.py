"""What a person should do about a dead letter, and why: one step, as a command to type."""

from dataclasses import dataclass

from integrations.registry import BoundKind
from ledger.history import Story
from ledger.lanes import LOCAL
from ledger.letters import Dead
from operations.means import Means
from operations.outcome import Effect, ErrorClass
from operations.states import State

NEVER_A_REQUEST = (
    "refused"  # the reason of what a canvas or a message from elsewhere brought, and could not be accepted
)
_FORBIDDEN = 403  # judged in front of any idempotency layer: the same request may pass later
_REDIRECTS = range(300, 400)  # so is this, and no argument of ours has anything to do with it
_BECAUSE = '--because "…"'


@dataclass(frozen=True, slots=True)
class Step:
    """The sensible next step.

    Attributes:
        command: what to type; empty when there is nothing to do.
        why: the reason, as half a sentence.
    """

    command: str
    why: str

    @property
    def action(self) -> str:
        """What it is, for a page with buttons: requeue, resolve, discard, edit (the next generation), or nothing."""
        words = self.command.split()
        return words[2] if words else ""


def next_step(dead: Dead, bound: BoundKind | None, *, status: int | None = None) -> Step:  # noqa: PLR0911  one step for each case
    """The sensible next step.

    Args:
        dead: the letter and its operation.
        bound: its kind; None for a plain task, or a kind that this deployment does not know.
        status: of the provider's last answer.
    """
    name, effect = dead.letter.name, Effect(dead.effect)
    if dead.letter.status != "open" or dead.state != State.DEAD:
        return Step("", describe_closed(dead))
    if effect is Effect.DONE:
        return Step(resolve_command(dead), "it is done at the provider, and only the ledger does not say so yet")
    if dead.letter.reason == NEVER_A_REQUEST:
        return Step(
            f"lockgate deadletter discard {name} {_BECAUSE}",
            f"it never became a request, for its arguments were refused ({dead.letter.message}): let its caller call again",
        )
    if dead.provider == LOCAL:
        return Step(_requeue(name), "it runs once more; mend what it raised first")
    if effect is Effect.UNKNOWN:
        return _in_doubt(dead, bound)
    if dead.frozen and not dead.key_forgotten:
        if dead.letter.business_key is None:
            return Step(
                f"lockgate deadletter discard {name} {_BECAUSE}",
                f"nothing happened, and under its key {dead.provider} would only repeat its last answer; it has no business "
                "key, so that a new call is a new operation: let its caller call again",
            )
        return Step(
            edit_command(name),
            f"nothing happened, and under this key {dead.provider} would only repeat its last answer: this sends it under a "
            "key of its own, as it is or corrected",
        )
    return _without_effect(dead, bound, status)


def _in_doubt(dead: Dead, bound: BoundKind | None) -> Step:
    if bound is not None and bound.assurance.means.asks and dead.letter.reason != "frozen_key":
        return Step(
            _requeue(dead.letter.name),
            f"it may have happened: {dead.provider} is asked first, and nothing is sent before it is proven not to be there",
        )
    if dead.letter.reason == "left open":
        return Step(
            f"lockgate deadletter resolve {dead.letter.name} --as declined --code {dead.letter.code or 'CODE'} {_BECAUSE}",
            f"{dead.provider} declined it and left something open that could still take effect: close it there first",
        )
    if dead.letter.reason == "frozen_key":
        why = (
            f"{dead.provider} was asked twice and does not show it, and it repeats its error under this key: look there "
            f"yourself; if it is not there, `lockgate deadletter resolve {dead.letter.name} --as none`, then "
            f"`{edit_command(dead.letter.name)}`"
        )
    else:
        why = (
            f"it may have happened, and {dead.provider} cannot be asked: look there yourself; if it is not there, "
            f"`lockgate deadletter resolve {dead.letter.name} --as none`, then requeue"
        )
    return Step(resolve_command(dead), why)


def _without_effect(dead: Dead, bound: BoundKind | None, status: int | None) -> Step:
    name = dead.letter.name
    if dead.letter.error_class != ErrorClass.CLIENT:
        return Step(_requeue(name), f"nothing happened ({dead.letter.reason.replace('_', ' ')}): it is safe to send")
    if status == _FORBIDDEN:
        return Step(
            _requeue(name),
            f"nothing happened: {dead.provider} refused it for want of a permission; grant it there, then send it again",
        )
    if status in _REDIRECTS:
        return Step(
            _requeue(name),
            f"nothing happened: {dead.provider} pointed to another address, and nothing is sent there; mend the address in "
            "its file, or there, then send it again",
        )
    if bound is not None and _repeats(dead, bound):
        return Step(
            edit_command(name),
            f"nothing happened: {dead.provider} refused this very request, and may repeat that under the same key; this "
            "sends it under a new one, corrected, or as it is when the cause was there",
        )
    return Step(
        _requeue(name),
        f"nothing happened: {dead.provider} refused this very request; this sends the same one again, once the cause is "
        f"mended there; `{edit_command(name)}` sends other arguments",
    )


def _repeats(dead: Dead, bound: BoundKind) -> bool:
    """Whether the provider may only repeat its last answer under the key, so that another key makes sense by itself."""
    kept = bound.assurance.means is Means.KEY and dead.was_sent and not dead.key_forgotten
    asked_for = dead.frozen or dead.letter.error_class == ErrorClass.CLIENT
    return kept and asked_for and dead.letter.business_key is not None


def last_status(story: Story) -> int | None:
    """The status of the provider's last answer."""
    return next((tried.status for tried in reversed(story.attempts) if tried.status is not None), None)


def edit_command(name: str) -> str:
    """The command that sends the next generation: as it is under a new key, or corrected."""
    return f"lockgate deadletter edit {name} {_BECAUSE}"


def resolve_command(dead: Dead) -> str:
    """The command that says that it happened."""
    return f"lockgate deadletter resolve {dead.letter.name} --as succeeded --reference {dead.reference or 'REF'} {_BECAUSE}"


def describe_closed(dead: Dead) -> str:
    """Why nothing can be done about a letter any more."""
    letter = dead.letter
    when = f" {letter.closed_at:%Y-%m-%d %H:%M:%S}" if letter.closed_at else ""
    if letter.status == "superseded" or dead.state == State.SUPERSEDED:
        return f"{letter.name} was superseded by the next generation of its key{when}: nothing can be sent under it any more"
    if letter.status == "open":
        return f"{letter.name} is not dead any more: its operation {dead.id} is {dead.state}"
    return f"{letter.name} was {letter.status} by {letter.closed_by}{when}: its operation {dead.id} is {dead.state} now"


def _requeue(name: str) -> str:
    return f"lockgate deadletter requeue {name} {_BECAUSE}"
