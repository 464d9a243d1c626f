"""`lockgate deadletter`: what has become a person's turn, and what the person decides."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from admin.cli.edits import approve, edit, edits, reject
from admin.cli.groups import group, groups
from admin.cli.noun import Noun, as_json, because
from admin.cli.runs import plan, run, runs

if TYPE_CHECKING:
    from admin.cli.deployment import Deployment

_MOST = 10_000  # of one order; each is decided by itself
_alike = click.option("--fingerprint", help="All open ones that failed alike, in place of ids.")


@click.group(cls=Noun)
def deadletter() -> None:
    """Dead letters: operations that a person must decide about."""


@deadletter.command(name="list")
@click.option("--provider", help="Only this provider's.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--kind", help="Only of this kind, such as stripe.take_payment.")
@click.option("--fingerprint", help="Only those that failed alike; --groups shows the fingerprints.")
@click.option(
    "--status",
    type=click.Choice(["open", "requeued", "resolved", "discarded", "superseded", "closed"]),
    default="open",
    show_default=True,
    help="What became of them.",
)
@click.option("--groups", is_flag=True, help="One line for all that failed alike; as `lockgate deadletter groups`.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The newest so many.")
@as_json
def list_(*, groups: bool, as_json: bool, **filters: Any) -> None:
    """List dead letters, the newest first."""
    from admin.cli import paper
    from admin.cli.deployment import Deployment
    from admin.cli.letter import write_list
    from ledger import letters

    here = Deployment()
    if filters["provider"] and filters["provider"] != "local":
        here.registry.provider(filters["provider"])
    if groups:
        from admin.cli.groups import write_groups

        write_groups(here, filters, as_json=as_json)
        return
    wanted = letters.Wanted(**filters)
    with here.ledger.connection() as connection:
        found = letters.listed(connection, wanted)
    if as_json:
        paper.write_json([_listed(letter) for letter in found])
    elif not found:
        click.echo(f"no {wanted.status} dead letters")
    else:
        write_list(found)
    if len(found) == wanted.limit:
        click.echo(f"these are the first {wanted.limit}; --limit shows more", err=True)


@deadletter.command()
@click.argument("name", metavar="ID|KEY")
@click.option("--ask", is_flag=True, help="Ask the provider what it shows now; nothing is changed there.")
@as_json
def show(name: str, *, ask: bool, as_json: bool) -> None:
    """Show one dead letter's whole story and the sensible next step: by its id, or by its operation's id or key."""
    from admin.cli import paper
    from admin.cli.deployment import Deployment
    from admin.cli.letter import as_object, write
    from deadletter.dossier import dossier

    here = Deployment()
    letter_id = letter_of(name)
    there = _ask(letter_id) if ask else None
    told = dossier(here.ledger, here.registry, letter_id)
    if told is None:
        raise _unknown(name)
    if as_json:
        paper.write_json({**_listed(told.dead.letter), "there": there, **as_object(told)})
        return
    write(told, there)


@deadletter.command()
@click.argument("names", metavar="[ID…]", nargs=-1)
@_alike
@because
@as_json
def requeue(names: tuple[str, ...], *, fingerprint: str | None, because: str, as_json: bool) -> None:
    """Send dead letters on their way again; where there is a doubt, the provider is asked first."""
    from admin.cli.deployment import Deployment, order
    from deadletter.requeue import requeue as requeued
    from operations.states import State

    here, who = Deployment(), order(because)

    def one(letter_id: int) -> dict[str, Any]:
        state = requeued(here.ledger, here.registry, letter_id, who)
        return {"id": f"dl_{letter_id}", "state": state, "asks_first": state is State.UNCONFIRMED}

    def told(done: dict[str, Any]) -> str:
        how = "the provider is asked first" if done["asks_first"] else "it is sent as soon as its turn comes"
        return f"{done['id']} is requeued: {how}"

    decide_each(named_letters(here, names, fingerprint), one, told, as_json=as_json)


@deadletter.command()
@click.argument("name", metavar="ID")
@click.option(
    "--as", "end", required=True, type=click.Choice(["succeeded", "declined", "none"]),
    help="What you found at the provider. none: nothing happened, for sure; it stays open, to be requeued or discarded.",
)  # fmt: skip
@click.option("--reference", help="With succeeded: the provider's name for what it made.")
@click.option("--without-reference", is_flag=True, help="With succeeded: the provider gives none.")
@click.option("--code", help="With declined: the provider's code of its refusal.")
@because
@as_json
def resolve(
    name: str,
    *,
    end: str,
    reference: str | None,
    without_reference: bool,
    code: str | None,
    because: str,
    as_json: bool,
) -> None:
    """Say what is true at the provider; what waited for the operation goes on."""
    from admin.cli.deployment import Deployment, order
    from deadletter import resolve as resolving

    here, who = Deployment(), order(because)
    letter_id = letter_of(name)
    match end:
        case "succeeded":
            reference = _reference(here, letter_id, reference, without=without_reference)
            resolving.succeeded(here.ledger, letter_id, who, reference=reference)
            said = f"dl_{letter_id} is resolved: it succeeded{f' as {reference}' if reference else ''}"
        case "declined":
            resolving.declined(here.ledger, letter_id, who, code=code)
            said = f"dl_{letter_id} is resolved: it was declined; its caller may open the next generation by .again(…)"
        case _:
            resolving.nothing_happened(here.ledger, letter_id, who)
            said = (
                f"dl_{letter_id} had no effect and stays open: `lockgate deadletter show dl_{letter_id}` says what next"
            )
    _say({"id": f"dl_{letter_id}", "as": end, "reference": reference}, said, as_json=as_json)


@deadletter.command()
@click.argument("names", metavar="[ID…]", nargs=-1)
@_alike
@because
@as_json
def discard(names: tuple[str, ...], *, fingerprint: str | None, because: str, as_json: bool) -> None:
    """Give dead letters up; what waits for them goes on with a failure."""
    from admin.cli.deployment import Deployment, order
    from deadletter.resolve import discard as discarded

    here, who = Deployment(), order(because)

    def one(letter_id: int) -> dict[str, Any]:
        discarded(here.ledger, letter_id, who)
        return {"id": f"dl_{letter_id}", "state": "discarded"}

    decide_each(
        named_letters(here, names, fingerprint), one, lambda done: f"{done['id']} is discarded", as_json=as_json
    )


def letter_of(name: str) -> int:
    """The number of the dead letter that a name means: `dl_42`, 42, or its operation's id or key.

    Raises:
        ConfigError: there is none.
    """
    from admin.cli.operation import look_up

    number = name.removeprefix("dl_")
    if number.isascii() and number.isdigit():
        return int(number)
    if name.startswith("dl_"):
        raise _unknown(name)
    told = look_up(name)
    if not told.dead_letters:
        raise _unknown(name, f": operation {told.operation['id']} is {told.operation['state']}, and never was one")
    return told.dead_letters[-1].id


def _unknown(name: str, why: str = "") -> Exception:
    from config.errors import ConfigError

    return ConfigError(f"there is no dead letter {name}{why or ': `lockgate deadletter list` shows those there are'}")


def named_letters(here: "Deployment", names: Sequence[str], fingerprint: str | None) -> list[str]:
    """The letters that an order is about: those that were named, or all that failed alike, the oldest first."""
    from config.errors import ConfigError
    from ledger import letters

    if bool(names) == bool(fingerprint):
        raise click.UsageError("name dead letters by their ids, or all that failed alike by --fingerprint")
    if fingerprint is None:
        return list(names)
    with here.ledger.connection() as connection:
        found = letters.listed(connection, letters.Wanted(fingerprint=fingerprint, limit=_MOST))
    if not found:
        raise ConfigError(f"no open dead letter has the fingerprint {fingerprint}: `lockgate deadletter list --groups`")
    return [letter.name for letter in reversed(found)]


def decide_each(
    names: Iterable[str] | Iterable[int], one: Callable[[int], dict[str, Any]], told: Callable[[dict[str, Any]], str], *,
    as_json: bool,
) -> None:  # fmt: skip
    """Decide about several, each by itself, and say each; one that was refused is named, and makes the exit code 1."""
    from admin.cli import paper

    done: list[dict[str, Any]] = []
    try:
        for name in names:
            done.append(_one(name, one))
            if "refused" in done[-1]:
                click.echo(f"Error: {done[-1]['refused']}", err=True)
            elif not as_json:
                click.echo(told(done[-1]))
    finally:
        if as_json:
            paper.write_json(done)
    if any("refused" in each for each in done):
        raise click.exceptions.Exit(1)


def _one(name: str | int, decide: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    import psycopg

    from admin.cli.trouble import sentence
    from config.errors import ConfigError
    from operations.errors import InvalidArgumentsError, NotAllowedError

    try:
        return decide(name if isinstance(name, int) else letter_of(name))
    except (NotAllowedError, InvalidArgumentsError, ConfigError, psycopg.errors.LockNotAvailable) as error:
        return {"id": name, "refused": sentence(error) or str(error)}


def _reference(here: "Deployment", letter_id: int, reference: str | None, *, without: bool) -> str | None:
    from config.errors import ConfigError
    from ledger import letters

    with here.ledger.connection() as connection:
        dead = letters.look(connection, letter_id)
    known = reference or (dead.reference if dead is not None else None)
    if known is None and not without and dead is not None and dead.letter.status == "open":
        raise ConfigError(
            f"say what dl_{letter_id} is called at {dead.provider}: --reference REF, from which its result is built, or "
            "--without-reference where there is none"
        )
    return known


def _say(value: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    from admin.cli import paper

    if as_json:
        paper.write_json(value)
    else:
        click.echo(sentence)


def _listed(letter: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(letter), "id": letter.name}


def _ask(letter_id: int) -> str:
    """Ask the provider; the answer is kept beside what stands here."""
    from admin.cli.deployment import order
    from tasks.look import ask
    from tasks.platform import platform

    return ask(platform(), letter_id, order("asked by lockgate deadletter show --ask")).said


for command in (groups, group, plan, run, runs, edit, edits, approve, reject):
    deadletter.add_command(command)
