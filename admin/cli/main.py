"""`lockgate`: what operators type. Each noun has a file; `celery -A tasks …` knows the same ones."""

import click

from admin.cli.admin import admin
from admin.cli.deadletter import deadletter
from admin.cli.dev import dev
from admin.cli.explain import explain
from admin.cli.ledger import ledger
from admin.cli.migrate import migrate
from admin.cli.operation import operation
from admin.cli.provider import provider
from admin.cli.soak import soak
from admin.cli.workers import workers


@click.group()
def main() -> None:
    """Lockgate: integration jobs that go out once.

    Everything is read from the environment: LOCKGATE_DATABASE_URL, LOCKGATE_REDIS_URL, LOCKGATE_DATA_KEY, and for each
    provider its credentials. `lockgate dev up` starts servers to try it with, and prints these.

    Exit codes: 0 done, 1 refused or something to mend (one sentence says what), 2 a command that cannot be read.
    """


for command in (migrate, dev, workers, operation, deadletter, provider, explain, ledger, soak, admin):
    main.add_command(command)
