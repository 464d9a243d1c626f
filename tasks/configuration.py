"""Celery's settings; docs/celery.md gives the reason of each."""

import itertools
import sys
from collections.abc import Sequence
from typing import Any

from tasks.hint import PRIORITY_STEPS
from tasks.platform import platform
from tasks.queues import DEFAULT, queues, route


class Configuration:
    """What Celery reads. What depends on the environment is read when Celery asks for it, and not at import."""

    result_backend = "tasks.results:LedgerBackend"

    # A message is a hint: it may be lost, doubled or late. So what acknowledges and restores messages is left out.
    # (Not worker_disable_prefetch: together with ack_emulation off nothing wakes the loop when a slot becomes free.)
    task_acks_late = False
    # Must stay off: what Celery takes away after a lost connection, it gives back when its own promises acknowledge, and
    # hints are acknowledged without them.
    worker_enable_prefetch_count_reduction = False
    worker_prefetch_multiplier = 1  # the number of slots; how many hints are taken for each is up to tasks.broker
    broker_transport_options = {  # noqa: RUF012  Celery reads it
        "ack_emulation": False,
        "socket_keepalive": True,
        # A peer that is gone without a word: nothing may wait for it for ever. Kombu's own look comes every so often.
        "socket_connect_timeout": 3.0,
        "socket_timeout": 5.0,
        "health_check_interval": 10,
        "priority_steps": list(PRIORITY_STEPS),
        "max_retries": 0,  # whoever publishes while Redis is away must not wait for it: the row is in, the sweep hints
    }
    broker_connection_retry_on_startup = True
    broker_channel_error_retry = (
        True  # a Redis that refuses for a while (read-only, a key of another type) ends no worker
    )
    broker_connection_max_retries = None  # the default gives up after 100
    worker_cancel_long_running_tasks_on_connection_loss = False
    worker_disable_rate_limits = True  # Celery's are per worker; ours are per provider

    task_default_queue = DEFAULT
    task_default_routing_key = DEFAULT
    task_create_missing_queues = False  # a typo in a queue's name is an error, not a lost message
    task_routes = [route]  # noqa: RUF012  Celery reads it

    task_serializer = "json"
    result_serializer = "json"
    accept_content = ["json"]  # noqa: RUF012  Celery reads it; never pickle
    enable_utc = True
    timezone = "UTC"

    result_expires = None  # results are rows
    task_publish_retry = False  # the sweep publishes again

    @property
    def worker_pool(self) -> str:
        """Threads, unless prefork is asked for: Celery takes `-P prefork` for its own default, which a setting beats."""
        return "prefork" if _asked_for_prefork(sys.argv) else "threads"

    @property
    def broker_url(self) -> str:
        """Redis."""
        return platform().settings.redis_url

    @property
    def task_queues(self) -> list[Any]:
        """One for plain tasks, and each provider's own."""
        return queues(platform().registry)

    @property
    def imports(self) -> tuple[str, ...]:
        """The modules that declare tasks: ours, and the application's."""
        return ("tasks.payments", "tasks.mail", *platform().settings.tasks)


def _asked_for_prefork(arguments: Sequence[str]) -> bool:
    """Whether the command line says `-P prefork`, in one of the ways in which it can be said."""
    pairs = itertools.pairwise(arguments)
    return not {"-Pprefork", "--pool=prefork"}.isdisjoint(arguments) or any(
        name in {"-P", "--pool"} and value == "prefork" for name, value in pairs
    )
