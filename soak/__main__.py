"""Real work under real attacks, then the verdict. Exit code 1 if a promise was broken, 2 if it could not be run."""

import argparse
import os
import random
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from soak.attacks.deck import ATTACKS
from soak.checker import journal, terms
from soak.checker.check import report
from soak.errors import SoakError
from soak.faults import PLANNED
from soak.operations import Operation, read
from soak.place import PROVIDERS, Place, loaded
from soak.report.write import write
from soak.run import Course, Outcome, Run
from soak.screen import Screen
from soak.stage import Stage

HOME = Path(".lockgate") / "soak"
PROG = os.environ.get("SOAK_CALLED", "python -m soak")  # `lockgate soak` is this, called by another name
TENANTS = ("default", "acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne")


def main(arguments: list[str] | None = None) -> int:
    """Run it, judge it, say it."""
    given = parser().parse_args(arguments)
    console = Console(highlight=False)
    folder = given.folder or HOME / f"seed-{given.seed}"
    command = f"{PROG} {shlex.join(_again(given))}"
    console.print(f"seed {given.seed}; the same run again: {command}", soft_wrap=True)
    with Screen(console) as screen:
        try:
            _empty(folder)
            outcome = _run(given, folder.absolute(), command, screen)
        except SoakError as error:
            console.print(f"the soak could not be run: {error}", soft_wrap=True)
            return 2
        except KeyboardInterrupt:
            console.print("ended before there was a verdict", soft_wrap=True)
            return 130
    return _tell(given, outcome, folder, console)


def _empty(folder: Path) -> None:
    """Make the run's folder, in place of an earlier run's and of nothing else.

    Raises:
        SoakError: it holds something that is no run.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / terms.FILE).exists() and not (folder / journal.FILE).exists():
            raise SoakError(f"{folder} holds something that is no soak's: name another --folder, it would be emptied")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _run(given: argparse.Namespace, folder: Path, command: str, screen: Screen) -> Outcome:
    path = tuple(str(Path(one).absolute()) for one in given.path)
    own = read(given.operations, path) if given.operations else ()
    place = Place(
        folder, given.seed, TENANTS[: given.tenants], plugins=tuple(given.plugin), python_path=path,
        providers=tuple(dict.fromkeys(one.provider for one in own)) or PROVIDERS, operations=given.operations,
        files=tuple(given.provider), standins=tuple(given.standin),
    )  # fmt: skip
    more = dict(one.partition("=")[::2] for one in given.worker_env)
    try:
        subject = loaded(given.subject, path)
    except ModuleNotFoundError as error:
        raise SoakError(
            f"the subject {given.subject} cannot be imported ({error}): say with --path where it is"
        ) from None
    if given.hits and not hasattr(subject, "POINTS"):
        raise SoakError("--hits is for a subject with crash points: --subject soak.subject.crashing")
    if given.room is None:
        given.room = getattr(subject, "ROOM", 0)
    course = _course(given, own)  # refuses before anything is made
    stage = Stage(place, subject, given.subject, more=more, wrong_clocks=given.wrong_clocks)
    run = Run(stage, subject, course, command, screen.say, screen.show)
    return run.play()


def _course(given: argparse.Namespace, own: Sequence[Operation]) -> Course:
    if unknown := set(given.without) - set(PLANNED):
        raise SoakError(f"--without {min(unknown)} is no fault that is played; those are {', '.join(PLANNED)}")
    wrong = [
        (given.count < 1, "--count is a number of operations, at least 1"),
        (given.pace <= 0, "--pace is operations per second, more than 0"),
        (given.room < 0, "--room is a number of operations, or 0 for any"),
        (not 0 <= given.share <= 1, "--share lies between 0 and 1"),
        (not 1 <= given.tenants <= len(TENANTS), f"--tenants lies between 1 and {len(TENANTS)}"),
        (not 0 < given.pause[0] <= given.pause[1], "--pause takes the shorter first, and no 0"),
    ]
    for holds, sentence in wrong:
        if holds:
            raise SoakError(sentence)
    known = {name for attack in ATTACKS for name in (attack.id, attack.name)} | {"none"}
    if unknown := set(given.only) - known:
        raise SoakError(f"--only {min(unknown)} is no attack; there are {', '.join(sorted(known))}")
    total = sum(one.share for one in own)
    shares = {
        name: sum(one.share for one in own if one.provider == name) / total for name in {one.provider for one in own}
    }
    return Course(
        given.count, given.pace, given.share, (given.pause[0], given.pause[1]), tuple(given.only), given.patience,
        tuple(given.without), shares, given.hits, given.room,
    )  # fmt: skip


def _tell(given: argparse.Namespace, outcome: Outcome, folder: Path, console: Console) -> int:
    verdict, figures = outcome.verdict, write(outcome, folder)
    for line in report(outcome.history, verdict):
        console.print(line, soft_wrap=True)
    ends = ", ".join(f"{end} {count}" for end, count in sorted(verdict.ends.items()))
    console.print(f"{len(outcome.history.cases)} operations asked for: {ends}", soft_wrap=True)
    for crash in figures["crashes"]:
        console.print(crash, soft_wrap=True)
    missed = 0
    if given.hits:
        missed = sum(found < given.hits for found in figures["crash_points"].values())
        console.print(f"deaths: {figures['crash_points']}", soft_wrap=True)
    if missed:
        console.print(f"{missed} places were hit less than {given.hits} times: use a larger --count", soft_wrap=True)
    found = len(verdict.violations)
    said = f"{found} violations: {dict(verdict.kinds)}" if found else f"no violation: {figures['bound']}"
    console.print(f"{said}; charts and figures are in {folder / 'report.html'}", soft_wrap=True)
    return bool(verdict.violations or missed)


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    taken = argparse.ArgumentParser(prog=PROG, description=__doc__)
    taken.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1, 100_000), help="a new one if not given"
    )
    taken.add_argument("--count", type=int, default=3000, help="operations that are asked for")
    taken.add_argument("--pace", type=float, default=25.0, help="operations per second")
    taken.add_argument("--share", type=float, default=0.3, help="of first and second sends that meet a fault")
    taken.add_argument(
        "--pause", type=float, nargs=2, default=(3.0, 7.0), metavar=("LEAST", "MOST"), help="between attacks"
    )
    taken.add_argument("--only", action="append", default=[], help="an attack by id or name; several times for more")
    taken.add_argument("--tenants", type=int, default=4, help="up to 8")
    taken.add_argument("--wrong-clocks", type=float, default=0.0, help="seconds by which clocks of workers jump (N15)")
    taken.add_argument("--patience", type=float, help="seconds in which all must end after the attacks")
    taken.add_argument(
        "--operations", default="", metavar="MODULE", help="with operations of your own in place of ours"
    )
    taken.add_argument(
        "--provider", type=Path, action="append", default=[], metavar="FILE",
        help="a provider file of your own, as in LOCKGATE_PROVIDERS",
    )  # fmt: skip
    taken.add_argument(
        "--standin", action="append", default=[], metavar="FILE|MODULE:CLASS",
        help="what plays your provider: a description, or a class, see sandbox/README.md",
    )  # fmt: skip
    taken.add_argument(
        "--without", action="append", default=[], metavar="FAULT", help="a fault that is not played, such as F20"
    )
    taken.add_argument("--hits", type=int, default=0, help="end once each crash point of the subject was hit so often")
    taken.add_argument(
        "--room",
        type=int,
        help="operations that may be open, or the client waits; 0 for any number (as the subject says)",
    )
    taken.add_argument("--subject", default="soak.subject.lockgate", help="the module that is put to the soak")
    taken.add_argument("--plugin", action="append", default=[], help="a module that every worker loads")
    taken.add_argument("--path", action="append", default=[], help="a folder in which subject and plugins are found")
    taken.add_argument("--worker-env", action="append", default=[], metavar="NAME=VALUE", help="for the workers alone")
    taken.add_argument("--folder", type=Path, help="where the run leaves everything; emptied first")
    return taken


def _again(given: argparse.Namespace) -> list[str]:
    """The arguments that make the same run."""
    taken = parser()
    said = [f"--seed={given.seed}"]
    for name, value in vars(given).items():
        flag = f"--{name.replace('_', '-')}"
        if name in {"seed", "folder"} or value == taken.get_default(name):
            continue
        if name == "pause":
            said += [flag, *map(str, value)]
        else:
            said += [f"{flag}={one}" for one in (value if isinstance(value, list) else [value])]
    return said


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, nothing is left running
    sys.exit(main())
