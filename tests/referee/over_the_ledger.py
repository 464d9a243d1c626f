"""The root conftest of Celery's own integration suite, when it is heard over the ledger.

The suite is Celery's, unchanged: only the application that it runs is ours. `redis://` names our result backend here, so
that tests which ask for the Redis backend are heard too.
"""

import os
from collections.abc import Mapping
from typing import Any

import pytest
from celery.app import backends
from celery.contrib.testing import app as testing

from tasks.configuration import Configuration
from tasks.task import LedgerTask

pytest_plugins = ("celery.contrib.pytest",)

_stock_app = testing.TestApp


def _ledger_app(*args: Any, **kwargs: Any) -> Any:
    made = _stock_app(*args, **kwargs)
    made.steps["worker"].add("tasks.sweep:SweepStep")
    made.conf.broker_transport_options = Configuration.broker_transport_options
    made.conf.worker_prefetch_multiplier = Configuration.worker_prefetch_multiplier
    return made


testing.TestApp = _ledger_app
backends.BACKEND_ALIASES["redis"] = Configuration.result_backend


@pytest.fixture(scope="session")
def celery_parameters() -> Mapping[str, Any]:
    """What makes an application ours."""
    return {"task_cls": LedgerTask, "amqp": "tasks.sender:LedgerAMQP", "control": "tasks.revoke:LedgerControl"}


@pytest.fixture(scope="session")
def celery_worker_pool() -> str:
    """As Celery's suite, unless told otherwise."""
    return os.environ.get("REFEREE_POOL", "prefork")
