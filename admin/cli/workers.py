"""`lockgate workers`: several workers that share memory."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from admin.cli.noun import Verb
from config.errors import ConfigError

_REFUSED = {
    "detach": "-D would leave them without their supervisor: let whatever starts it put it into the background",
    "beat": "-B would start a beat in each of them: start `celery -A tasks beat` beside them",
    "uid": "--uid would let them outlive their supervisor: start it as that user",
    "gid": "--gid would let them outlive their supervisor: start it as that group",
}
_MOST = 256
_OWN = {"pidfile": "--pidfile", "statedb": "--statedb"}  # files that no two workers can share


def _cores() -> int:
    return min(_MOST, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1


@click.command(cls=Verb, context_settings={"ignore_unknown_options": True})
@click.option(
    "--processes", type=click.IntRange(1, _MOST), default=_cores, show_default="the cores that may be used",
    help="So many workers.",
)  # fmt: skip
@click.argument("arguments", metavar="[OPTIONS OF CELERY'S WORKER]...", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def workers(context: click.Context, processes: int, arguments: tuple[str, ...]) -> None:
    """Start several workers that share memory, and end with them.

    Each is what `celery -A tasks worker` starts, and takes the same options, which `celery -A tasks worker --help` lists.
    They are called celery1@…, celery2@…, or with -n name@%h name1@…, name2@…

    SIGTERM, SIGINT, SIGQUIT and SIGHUP reach each of them. Who dies is replaced, by a process with memory of its own.

    Exit codes: 0 all have ended well, 1 refused or something to mend, 2 a command that cannot be read; else that of the
    first worker that ended otherwise.
    """
    if sys.platform != "linux":
        raise ConfigError(
            "workers are forked, and end with their supervisor, on Linux alone: start `celery -A tasks worker`"
        )
    given = _read(context, arguments)
    for name, why in _REFUSED.items():
        if given[name]:
            raise click.UsageError(why)
    for name, option in _OWN.items():
        if given[name] and "%n" not in given[name] and "%p" not in given[name]:
            raise click.UsageError(
                f"{option} {given[name]} would be the same file for all of them: put %n into its name"
            )
    from tasks import family
    from tasks.preflight import check_pool

    check_pool(given["pool"])
    name, _, host = given["hostname"].partition("@")
    family.start([f"{name}{number}@{host}" for number in range(1, processes + 1)], arguments)


def _read(context: click.Context, arguments: Sequence[str]) -> Mapping[str, Any]:
    """What Celery will read of the options, so that what it refuses is said once, and before anything has begun.

    Raises:
        click.UsageError: it refuses them.
    """
    from celery.bin.worker import worker

    from tasks.family import here

    read: click.Context = worker.make_context(
        context.info_name, list(arguments), parent=context.parent, obj=here(), auto_envvar_prefix="CELERY_WORKER"
    )
    for word in read.args:  # else it is a setting, as setting=value
        if "=" not in word:
            raise click.UsageError(f"{word} is none of Celery's options", read)
    return read.params
