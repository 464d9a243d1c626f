"""`python -m demo run|demo|chaos`: what `make run`, `make demo` and `make chaos` call."""

import random
import sys
from collections.abc import Callable
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from config.errors import ConfigError
from demo import chaos
from demo.home import DemoError, Home
from demo.show import Course, Ending, Show
from demo.verdict import ENDS

T = TypeVar("T")
_LEAST = {"operations": 2000, "hit": 0.20, "kills": 5, "flushes": 3, "restarts": 1}
_SHOWN = 20  # problems that are printed
#: What `make demo` breaks when. Kills are more than asked for: one may meet a worker that is only coming up.
PLAN = (
    (5.0, "kill"), (9.0, "flush"), (11.0, "freeze"), (17.0, "break"), (20.0, "thaw"), (22.0, "kill"), (26.0, "flush"),
    (27.0, "kill"), (30.0, "postgres"), (37.0, "kill"), (41.0, "flush"), (44.0, "break"), (49.0, "kill"),
    (53.0, "flush"), (56.0, "kill"),
)  # fmt: skip


@click.group()
def main() -> None:
    """Lockgate on one machine: to look at, and to break."""


@main.command()
@click.option("--seed", type=int, help="of operations and faults; a random one when not given")
@click.option("--pace", type=float, default=15.0, show_default=True, help="operations a second")
def run(seed: int | None, pace: float) -> None:
    """Start everything, and show what happens until Ctrl-C."""
    course = Course(seed=_seed(seed), pace=pace, share=0.2, fresh=False)
    ending = _played(course)
    if ending is not None:
        sys.exit(_summarise(ending, whole=False))


@main.command()
@click.option("--seed", type=int, help="of operations, faults and chaos; a random one when not given")
@click.option("--pace", type=float, default=45.0, show_default=True, help="operations a second")
def demo(seed: int | None, pace: float) -> None:
    """One minute of everything going wrong, and then the account: exit code 1 if anything is not as promised."""
    course = Course(
        seed=_seed(seed), pace=pace, share=0.25, fresh=True, seconds=60.0, enough=2350, plan=PLAN, patience=60.0
    )
    ending = _played(course)
    code = None if ending is None else _summarise(ending, whole=not ending.interrupted)
    sys.exit(130 if ending is None or ending.interrupted else code)


@main.command(name="chaos")
@click.argument("what", required=False, type=click.Choice(list(chaos.ACTIONS)))
def wreak(what: str | None) -> None:
    """Break the running demo: one thing, or a round of break, kill and flush."""
    for done in _or_one_sentence(lambda: chaos.wreak(Home.from_environment(), what)):
        click.echo(done)


def _played(course: Course) -> Ending | None:
    """None when it was ended before there was anything to judge."""
    try:
        return _or_one_sentence(lambda: Show(Home.from_environment(), course, Console()).play())
    except KeyboardInterrupt:
        click.echo("ended before there was anything to judge; nothing is left running")
        return None


def _or_one_sentence(action: Callable[[], T]) -> T:
    try:
        return action()
    except (DemoError, ConfigError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def _seed(given: int | None) -> int:
    return random.SystemRandom().randrange(10**6) if given is None else given


def _summarise(ending: Ending, *, whole: bool) -> int:
    """Print the account; the exit code."""
    verdict = ending.verdict
    table = Table("what", "found", "wanted", title="The account: caller's log, ledger and sandbox's journal compared")
    for what, found, wanted, _ in (lines := _lines(ending, whole=whole)):
        table.add_row(what, str(found), wanted)
    console = Console(width=max(100, Console().width))
    console.print(table)
    for problem in verdict.problems[:_SHOWN]:
        console.print(f"{problem.what}: {problem.who}: {problem.sentence}", markup=False, highlight=False)
    if len(verdict.problems) > _SHOWN:
        console.print(f"… and {len(verdict.problems) - _SHOWN} more")
    for crash in ending.crashes:
        console.print(crash, markup=False, highlight=False)
    left = sum(count for name, count in verdict.ends.items() if name.partition("/")[0] not in ENDS)
    if left:
        console.print(f"{left} had not ended yet: they are in the ledger, and the next `make run` goes on with them.")
    good = all(fine for *_, fine in lines)
    console.print("Everything is as promised." if good else "NOT everything is as promised.", style="bold")
    return 0 if good else 1


def _lines(ending: Ending, *, whole: bool) -> list[tuple[str, object, str, bool]]:
    verdict, share = ending.verdict, ending.hit / max(1, len(ending.verdict.keys))
    ends = [(name, count, "", True) for name, count in sorted(verdict.ends.items())]
    problems = [
        (what, count, "0", count == 0)
        for what, count in (
            ("lost", verdict.count("lost")), ("doubled", verdict.count("doubled")), ("stuck", verdict.count("stuck")),
            ("misreported", verdict.count("misreported")), ("unasked", verdict.count("unasked")),
            ("processes that ended by themselves", len(ending.crashes)),
        )
    ]  # fmt: skip
    if not whole:
        return [("operations accepted", verdict.accepted, "", True), *ends, *problems]
    return [
        (
            "operations accepted",
            verdict.accepted,
            f"≥ {_LEAST['operations']}",
            verdict.accepted >= _LEAST["operations"],
        ),
        ("maybe: calls that raised (still not known)", f"{verdict.raised} ({verdict.maybe})", "", True),
        *ends,
        ("effects standing at the providers", verdict.effects, "", True),
        ("hit by a fault", f"{ending.hit} ({share:.0%})", f"≥ {_LEAST['hit']:.0%}", share >= _LEAST["hit"]),
        ("workers killed with SIGKILL", ending.kills, f"≥ {_LEAST['kills']}", ending.kills >= _LEAST["kills"]),
        ("Valkey flushed", ending.flushes, f"≥ {_LEAST['flushes']}", ending.flushes >= _LEAST["flushes"]),
        _restarts(ending),
        *problems,
    ]


def _restarts(ending: Ending) -> tuple[str, object, str, bool]:
    if not ending.own_postgres:
        return ("PostgreSQL restarted", "not ours to restart", "≥ 1 where it is ours", True)
    return ("PostgreSQL restarted", ending.restarts, f"≥ {_LEAST['restarts']}", ending.restarts >= _LEAST["restarts"])


if __name__ == "__main__":
    main()
