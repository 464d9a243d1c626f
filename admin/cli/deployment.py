"""The parts of a deployment that commands need, made from the environment alone; no worker and no broker is needed."""

import getpass
import logging
import os
from functools import cached_property

import redis

from config import logs
from config.errors import ConfigError
from config.settings import Settings
from integrations.registry import BoundKind, Registry
from ledger.audit import Order
from ledger.session import Ledger, open_ledger
from resilience import restore
from resilience.admission import Admission


class Deployment:
    """What a command may ask; each part is made when it is first needed."""

    @cached_property
    def settings(self) -> Settings:
        """The environment; from here on no log of this process shows a secret of it."""
        settings = Settings.from_environment()
        if not logging.getLogger().handlers:  # inside of another program its own log stands
            logs.set_up(settings.log, settings.secrets(), level=logging.WARNING)
        return settings

    @cached_property
    def registry(self) -> Registry:
        """Providers and kinds."""
        return Registry(self.settings)

    @cached_property
    def ledger(self) -> Ledger:
        """The database."""
        return open_ledger(self.settings, connections=2, one_plan=False)

    @cached_property
    def redis(self) -> redis.Redis:
        """The limits' Redis."""
        return restore.connect(self.settings.redis_url)

    @cached_property
    def admission(self) -> Admission:
        """The fleet's gate."""
        traffic = {name: provider.traffic for name, provider in self.registry.providers.items()}
        return Admission(self.redis, traffic)

    def kind(self, name: str) -> BoundKind | None:
        """A kind by name; None for a plain task, or one that this deployment does not know."""
        return self.registry.kinds.get(name)


def order(because: str) -> Order:
    """An order with the name of who gives it: LOCKGATE_ACTOR, or the login name.

    Raises:
        ConfigError: neither says who it is.
    """
    actor = os.environ.get("LOCKGATE_ACTOR", "").strip()
    if not actor:
        try:
            actor = getpass.getuser()
        except (KeyError, OSError):
            raise ConfigError("nobody knows who gives this order: set LOCKGATE_ACTOR to your name") from None
    return Order(actor, because)
