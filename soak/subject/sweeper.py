"""Sweeps without a worker around them: `python -m soak.subject.sweeper`. They die as they are told to."""

from soak.subject import forked
from tasks.app import app
from tasks.sweep import Sweep

_SWEEPS = 2


def sweep() -> None:
    """Sweep until it dies."""
    Sweep().run()


if __name__ == "__main__":
    app.loader.import_default_modules()
    forked.keep(sweep, _SWEEPS)
