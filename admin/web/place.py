"""What the pages are made of: the parts of this process's platform, under the names that commands use."""

import hashlib
import hmac
from dataclasses import dataclass
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
    """

    platform: Platform
    origin: str

    def __post_init__(self) -> None:
        self.ledger.plan_anew()

    @property
    def secure(self) -> bool:
        """Whether browsers reach the pages over TLS."""
        return self.origin.startswith("https://")

    @property
    def host(self) -> str:
        """What the Host header must say."""
        return urlsplit(self.origin).netloc

    @cached_property
    def key(self) -> bytes:
        """Keys the cookies that carry a message or a sign-in form: the same in every process that serves this ledger."""
        return hmac.new(self.ledger.secret, b"the admin's cookies", hashlib.sha256).digest()

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
