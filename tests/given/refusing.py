"""An application's module whose step lets no worker begin."""

from typing import Any

from celery import bootsteps

from tasks.app import app


class Refuses(bootsteps.StartStopStep):
    """Raises what nobody expects."""

    def start(self, _: Any) -> None:
        """As a step that meets something it was not made for."""
        raise RuntimeError("no worker can begin here")


app.steps["worker"].add(Refuses)
