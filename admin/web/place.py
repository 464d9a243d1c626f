"""What the pages are made of: the parts of this process's platform, under the names that commands use."""

import secrets
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import redis

from admin.access.openid.door import Door
from admin.cli.deployment import Deployment
from config.settings import Settings
from integrations.registry import Registry
from ledger.session import Ledger
from resilience.admission import Admission
from tasks.platform import Platform


@dataclass
class Place(Deployment):
    """The platform, and where its pages are reached.

    Attributes:
        platform: of this process.
        origin: scheme, host and port under which browsers reach the pages.
        key: keys the cookies that only carry a message or a sign-in form; a new one each start costs nobody anything.
    """

    platform: Platform
    origin: str
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def secure(self) -> bool:
        """Whether browsers reach the pages over TLS."""
        return self.origin.startswith("https://")

    @property
    def host(self) -> str:
        """What the Host header must say."""
        return urlsplit(self.origin).netloc

    @cached_property
    def door(self) -> Door | None:
        """The OpenID provider's way in, where there is one."""
        return None if self.settings.openid is None else Door(self.settings.openid, self.origin)

    @property
    def settings(self) -> Settings:
        """The environment."""
        return self.platform.settings

    @property
    def registry(self) -> Registry:
        """Providers and kinds."""
        return self.platform.registry

    @property
    def ledger(self) -> Ledger:
        """The database."""
        return self.platform.ledger

    @property
    def redis(self) -> redis.Redis:
        """The limits' Redis."""
        return self.platform.redis

    @property
    def admission(self) -> Admission:
        """The fleet's gate."""
        return self.platform.admission
