"""The root conftest of Celery's own integration suite, when it is heard over the ledger.

The suite is Celery's, unchanged: only the application that it runs is ours. `redis://` names our result backend here, so
that tests which ask for the Redis backend are heard too.
"""

import os
from typing import Any

import pytest
from celery.app import backends
from celery.contrib.testing import app as testing

from tasks.app import Lockgate
from tasks.configuration import Configuration

pytest_plugins = ("celery.contrib.pytest",)


class Court(Lockgate):
    """Our application with the suite's own configuration."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.steps["worker"].add("tasks.sweep:SweepStep")
        self.conf.broker_transport_options = Configuration.broker_transport_options
        self.conf.worker_prefetch_multiplier = Configuration.worker_prefetch_multiplier


testing.Celery = Court
backends.BACKEND_ALIASES["redis"] = Configuration.result_backend


@pytest.fixture(scope="session")
def celery_worker_pool() -> str:
    """As Celery's suite, unless told otherwise."""
    return os.environ.get("REFEREE_POOL", "prefork")
