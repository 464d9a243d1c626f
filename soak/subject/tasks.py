"""The tasks of the plain provider: one line per business operation."""

from soak.subject import plain
from tasks.app import app, integration_task

make_thing = integration_task(plain.MakeThing)
send_ping = integration_task(plain.SendPing)


@app.task
def noted() -> None:
    """What follows an end, where something shall."""
