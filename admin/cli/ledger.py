"""`lockgate ledger`: after a restore from a backup, say so before any worker is started."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from admin.cli.noun import Noun, as_json, because

if TYPE_CHECKING:
    from ledger.restored import Restores


@click.group(cls=Noun)
def ledger() -> None:
    """The ledger itself: restored from a backup, and trusted again."""


@ledger.command()
@as_json
def show(as_json: bool) -> None:  # noqa: FBT001  click calls it
    """How often it was restored, and what is still asked about."""
    from admin.cli.deployment import Deployment
    from ledger import restored

    with Deployment().ledger.connection() as connection:
        _say(restored.look(connection), as_json=as_json)


@ledger.command()
@click.option(
    "--to", metavar="TIME", help="At or before the backup's last transaction; else the ledger's last sign of life."
)
@click.option("--anyway", is_flag=True, help="Also while sessions of Lockgate are connected.")
@because
@as_json
def restored(to: str | None, *, anyway: bool, because: str, as_json: bool) -> None:
    """It was restored from a backup: the provider is asked before anything is sent. Before any worker is started."""
    from admin.cli.deployment import Deployment, order
    from ledger import restored

    here, moment = Deployment(), _moment(to)
    lease = max((provider.lease for provider in here.registry.providers.values()), default=60.0)
    settle = max((bound.assurance.settle for bound in here.registry.kinds.values()), default=0.0)
    who = order(because)
    here.ledger.secret  # noqa: B018  the right data key, before anything is changed
    with here.ledger.transaction() as connection:
        found = restored.restored(connection, who, to=moment, lease=lease, settle=settle, anyway=anyway)
    _say(found, as_json=as_json)


@ledger.command()
@because
@as_json
def trust(because: str, as_json: bool) -> None:  # noqa: FBT001  click calls it
    """Callers have asked again for what was forgotten: what is accepted from now on is sent without asking first."""
    from admin.cli.deployment import Deployment, order
    from ledger import restored

    with Deployment().ledger.transaction() as connection:
        found = restored.trust(connection, order(because))
    _say(found, as_json=as_json)


def _moment(said: str | None) -> datetime | None:
    """A time with its zone; one without is not guessed."""
    if said is None:
        return None
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter(f"{said!r} is no time with its zone, such as 2026-11-29T00:10:00Z", param_hint="--to")
    if moment > datetime.now(moment.tzinfo):
        raise click.BadParameter(f"{said} is to come", param_hint="--to")
    return moment


def _say(found: "Restores", *, as_json: bool) -> None:
    from admin.cli import paper

    if as_json:
        paper.write_json(found)
        return
    if not found.count:
        click.echo("the ledger was never restored")
        return
    paper.facts({
        "restores": found.count, "restored to": found.to, "still to be asked about": str(found.left),
        "what is accepted now": "is sent without asking" if found.trusted else "is asked about before it is sent",
    })  # fmt: skip
    if not found.trusted:
        click.echo("Next: start the workers; let applications ask again; then `lockgate ledger trust --because …`")
