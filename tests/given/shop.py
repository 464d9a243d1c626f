"""Tasks of an application, as a user writes them; what they do can be read in a file."""

import json
import os
import time
from pathlib import Path
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Reject

from tasks.app import app
from tasks.payments import take_payment


def diary() -> Path:
    """Where every effect of these tasks is written down, one line each."""
    return Path(os.environ["SHOP_DIARY"])


def wrote(name: str) -> list[Any]:
    """What one task wrote, in order."""
    if not diary().exists():
        return []
    lines = [json.loads(line) for line in diary().read_text().splitlines()]
    return [told for who, told in lines if who == name]


def write(name: str, told: Any) -> None:
    """One line, in one write."""
    with diary().open("a") as output:
        output.write(json.dumps([name, told]) + "\n")


@app.task
def note(told: Any, name: str) -> Any:
    """Write down what the step before returned, and hand it on."""
    write(name, told)
    return told


@app.task
def references(told: list[Any]) -> list[str]:
    """The body of a chord of payments."""
    found = [one["reference"] if isinstance(one, dict) else one for one in told]
    write("references", found)
    return found


@app.task
def alarm(ticket_id: str, name: str = "alarm") -> None:
    """An errback that is a task of its own: it is given the id of what failed."""
    write(name, ticket_id)


@app.task
def siren(request: Any, error: BaseException, traceback: Any) -> None:
    """An errback that Celery calls where the task failed."""
    del traceback
    write("siren", [request.id, repr(error)])


@app.task
def break_down(*_: Any) -> None:
    """Fail."""
    raise ValueError("the shop is closed")


@app.task(bind=True, max_retries=1)
def sorry(self: Any, name: str) -> None:
    """Tries again in a minute, and says why."""
    raise self.retry(exc=LookupError(name), countdown=60)


@app.task(bind=True, max_retries=5)
def third_time(self: Any, name: str) -> int:
    """Succeed at the third try."""
    write(name, self.request.retries)
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return int(self.request.retries)


@app.task(bind=True)
def hand_over(self: Any, order: dict[str, Any]) -> Any:
    """Let a payment take this task's place."""
    raise self.replace(take_payment.s(**order))


@app.task
def slowly(name: str, seconds: float) -> str:
    """Take a while."""
    write(f"{name} begins", None)
    time.sleep(seconds)
    write(name, None)
    return name


@app.task
def ignored() -> None:
    """End without a result."""
    raise Ignore


@app.task(bind=True)
def refuse(self: Any, *, requeue: bool) -> str:
    """Reject the message: once, or for good."""
    if requeue and self.request.delivery_info.get("redelivered"):
        return "second pass"
    raise Reject("not this one", requeue=requeue)


class Counted(Task):
    """A base class of the application's own, on Celery's Task, with something of its own around each run."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        write("counted", self.request.id)
        return self.run(*args, **kwargs)


@app.task(base=Counted)
def double(number: int) -> int:
    """On that base."""
    return 2 * number


class Triple(Task):
    """A task that is a class, as in Celery's own documentation."""

    name = "given.shop.triple"

    def run(self, number: int) -> int:
        """Three times."""
        return 3 * number


triple = app.register_task(Triple())


@app.task(ignore_result=True)
def unheard(name: str) -> str:
    """Return something that nobody wants."""
    write(name, None)
    return name
