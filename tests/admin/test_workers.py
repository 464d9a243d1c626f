"""`lockgate workers` reads what it is given before it begins anything."""

import os

import pytest
from given.console import Console
from given.nowhere import NOWHERE


@pytest.fixture(scope="module")
def desk() -> Console:
    """An operator's shell whose servers are away: nobody gets as far as to ask them."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("LOCKGATE_", "CELERY_"))}
    return Console(
        bare
        | {
            "LOCKGATE_DATABASE_URL": f"postgresql://u:p@{NOWHERE}/x",
            "LOCKGATE_REDIS_URL": f"redis://{NOWHERE}/0",
            "LOCKGATE_DATA_KEY": "x",
        }
    )


@pytest.mark.parametrize(
    ("words", "code", "mend"),
    [
        ("--processes 0", 2, "'--processes': 0 is not in the range 1<=x<=256."),
        ("--processes two", 2, "'--processes': 'two' is not a valid integer range."),
        ("--processes 2 -B", 2, "start `celery -A tasks beat` beside them"),
        ("--processes 2 -D", 2, "let whatever starts it put it into the background"),
        ("--processes 2 --detach", 2, "let whatever starts it put it into the background"),
        ("--processes 2 --uid nobody", 2, "start it as that user"),
        ("--processes 2 --gid nobody", 2, "start it as that group"),
        ("--processes 2 --pidfile lockgate.pid", 2, "put %n into its name"),
        ("--processes 2 -S state", 2, "put %n into its name"),
        ("--processes 2 -c many", 2, "must be a non-negative integer"),
        ("--processes 2 -P strange", 2, "is not one of 'prefork'"),
        ("--processes 2 -P gevent", 1, "start the worker with -P threads or -P prefork"),
        ("--processes 2 --concurency 3", 2, "Did you mean '--concurrency'?"),
        ("2", 2, "2 is none of Celery's options"),
        ("--processes 2", 1, "LOCKGATE_DATA_KEY"),
    ],
)
def test_nonsense_gets_one_sentence_that_says_the_mend(desk: Console, words: str, code: int, mend: str) -> None:
    said = desk.run("workers", *words.split())
    assert said.code == code, said
    assert "Traceback" not in said.err
    (line,) = [line for line in said.err.splitlines() if line.startswith("Error: ")]
    assert mend in line


def test_the_help_says_what_it_takes(desk: Console) -> None:
    said = desk.run("workers", "--help")
    assert said.code == 0
    assert "--processes" in said.out
    assert "celery -A tasks worker --help" in said.out
