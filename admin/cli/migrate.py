"""`lockgate migrate`: bring the ledger's tables up to date."""

import click

from admin.cli.noun import Verb, as_json


@click.command(cls=Verb)
@as_json
def migrate(as_json: bool) -> None:  # noqa: FBT001  click calls it
    """Make or update the ledger's tables; harmless to repeat, and at once from many places."""
    from admin.cli import paper
    from config.settings import database_url
    from ledger.migrate import upgrade

    missing = upgrade(database_url())
    if as_json:
        paper.write_json({"migrated": missing})
        return
    click.echo("the ledger's tables are up to date now" if missing else "the ledger's tables were up to date already")
