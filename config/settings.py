"""What differs by deployment: the environment, read once and checked."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from config.address import LOOPBACK
from config.errors import ConfigError, did_you_mean
from config.openid import OPENID_NAMES, OpenId, openid, passwords
from config.secret import Secret

PREFIX = "LOCKGATE_"
TENANT = re.compile(r"[a-z0-9_]{1,64}")
DEAF_AFTER = 20.0  # seconds; a worker that stays deaf ends after two of these and its grace: less than a minute
ADMIN_URL = "http://127.0.0.1:5556"

#: Variables that are not about one provider.
NAMES = {
    "LOCKGATE_DATABASE_URL": "the ledger's PostgreSQL, such as postgresql://user:password@host/database",
    "LOCKGATE_REDIS_URL": "the broker and the limits' Redis, such as redis://:password@host:6379/0",
    "LOCKGATE_DATA_KEY": "32 random bytes in base64 that seal private columns; `lockgate dev key` makes one",
    "LOCKGATE_PROVIDERS": "more provider files, or folders of them, separated by colons",
    "LOCKGATE_TASKS": "more modules that declare integration tasks, separated by commas",
    "LOCKGATE_ALLOW_HTTP": "1 allows plain HTTP to hosts other than this machine",
    "LOCKGATE_LOG": "plain (default) or json",
    "LOCKGATE_DEAF_AFTER": "seconds of silence from Redis after which a worker connects anew; 20 when unset",
    "LOCKGATE_ONE_CORE": "yes (default): a worker's threads keep to one core while nobody else needs it; or no",
    "LOCKGATE_CRASH_AT": "for drills against the sandbox alone: where a process dies, see config/crashpoint.py",
    "LOCKGATE_CRASH_LOG": "for such drills: a file that gets a line for each death",
    "LOCKGATE_ACTOR": "who gives an operator's command, for the audit; the login name when unset",
    "LOCKGATE_ADMIN_URL": "where operators open the admin; http://127.0.0.1:5556 when unset",
    "LOCKGATE_FLOWER_URL": "where they open Flower; the admin leads there when it is set",
    **OPENID_NAMES,
    "LOCKGATE_HOME": "the folder of `lockgate dev`; .lockgate when unset",
}


@dataclass(frozen=True)
class Settings:
    """The environment, as values.

    Attributes:
        openid: who else signs operators in to the admin.
        admin_passwords: whether they may sign in to it with a password.
        environment: all of it, for credentials; never printed.
    """

    database_url: str
    redis_url: str
    data_key: Secret
    providers: tuple[Path, ...] = ()
    tasks: tuple[str, ...] = ()
    allow_http: bool = False
    log: str = "plain"
    deaf_after: float = DEAF_AFTER
    one_core: bool = True
    admin_url: str = ADMIN_URL
    flower_url: str = ""
    openid: OpenId | None = None
    admin_passwords: bool = True
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read and check the environment.

        Raises:
            ConfigError: something needed is missing or wrong.
        """
        env = dict(os.environ if environment is None else environment)
        through = openid(env)
        return cls(
            database_url=_url(env, "LOCKGATE_DATABASE_URL", ("postgresql",)),
            redis_url=_url(env, "LOCKGATE_REDIS_URL", ("redis", "rediss")),
            data_key=Secret(_needed(env, "LOCKGATE_DATA_KEY")),
            providers=tuple(Path(part) for part in env.get("LOCKGATE_PROVIDERS", "").split(":") if part),
            tasks=tuple(part.strip() for part in env.get("LOCKGATE_TASKS", "").split(",") if part.strip()),
            allow_http=env.get("LOCKGATE_ALLOW_HTTP") == "1",
            log=_one_of(env, "LOCKGATE_LOG", ("plain", "json")),
            deaf_after=_seconds(env, "LOCKGATE_DEAF_AFTER", DEAF_AFTER, least=1.0),
            one_core=_one_of(env, "LOCKGATE_ONE_CORE", ("yes", "no")) == "yes",
            admin_url=_origin(env, "LOCKGATE_ADMIN_URL", ADMIN_URL),
            flower_url=_origin(env, "LOCKGATE_FLOWER_URL", ""),
            openid=through,
            admin_passwords=passwords(env, through),
            environment=env,
        )

    def base_url(self, provider: str, default: str) -> str:
        """Where a provider is: the file's address, or the environment's.

        Raises:
            ConfigError: it is no URL, or plain HTTP to another machine.
        """
        name = f"{PREFIX}{provider.upper()}_BASE_URL"
        url = self.environment.get(name, default).rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ConfigError(f"{name}: {url!r} is not an address such as https://api.example.com")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and not self.allow_http:
            raise ConfigError(
                f"{name}: plain HTTP to {parts.hostname} would show credentials to the network: use https, or set "
                "LOCKGATE_ALLOW_HTTP=1 where the network is yours"
            )
        return url

    def credential(self, provider: str, field_name: str, tenant: str) -> Secret | None:
        """One field of a tenant's credentials; None when it is not set. No tenant falls back to another's."""
        value = self.environment.get(credential_name(provider, field_name, tenant))
        return Secret(value) if value else None

    def secrets(self) -> list[str]:
        """What must stand in no log: keys, passwords and every tenant's credentials."""
        parts = [urlsplit(url).password for url in (self.database_url, self.redis_url)]
        keys = [part.strip() for part in self.data_key.reveal().split(",")]
        credentials = [
            value for name, value in self.environment.items()
            if name.startswith(PREFIX) and name not in NAMES and not name.endswith("_BASE_URL")
        ]  # fmt: skip
        client = [] if self.openid is None else [self.openid.client_secret.reveal()]
        return [text for text in (*parts, *keys, *client, *credentials) if text]

    def check_names(self, fields: Mapping[str, Iterable[str]]) -> None:
        """Refuse variables that begin like ours and mean nothing.

        Args:
            fields: of each provider, the names of its credentials.

        Raises:
            ConfigError: a name is not known.
        """
        known = {*NAMES, *(f"{PREFIX}{provider.upper()}_BASE_URL" for provider in fields)}
        known |= {credential_name(provider, name, "default") for provider, names in fields.items() for name in names}
        for name in self.environment:
            if name.startswith(PREFIX) and name not in known and name.partition("__")[0] not in known:
                raise ConfigError(f"{name} is not a variable that Lockgate knows{did_you_mean(name, known)}")


def database_url(environment: Mapping[str, str] | None = None) -> str:
    """The ledger's database, for what needs nothing else.

    Raises:
        ConfigError: it is not set, or is no such URL.
    """
    return _url(dict(os.environ if environment is None else environment), "LOCKGATE_DATABASE_URL", ("postgresql",))


def credential_name(provider: str, field_name: str, tenant: str) -> str:
    """The variable that holds one field of a tenant's credentials."""
    name = f"{PREFIX}{provider.upper()}_{field_name.upper()}"
    return name if tenant == "default" else f"{name}__{tenant.upper()}"


def _needed(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise ConfigError(f"{name} is not set: {NAMES[name]}; `lockgate dev up` starts servers and prints it")
    return env[name]


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str:
    url = _needed(env, name)
    if urlsplit(url).scheme not in schemes:
        raise ConfigError(f"{name} does not begin with {schemes[0]}://: it is {NAMES[name]}")
    return url


def _origin(env: Mapping[str, str], name: str, default: str) -> str:
    """Scheme, host and port of a page; plain HTTP to this machine only, for cookies and passwords go there."""
    url = (env.get(name) or default).rstrip("/")
    parts = urlsplit(url)
    if url and (
        parts.scheme not in {"http", "https"} or not parts.hostname or url != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ConfigError(f"{name}: {url!r} is not an address such as https://ops.example.com, without a path")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(f"{name}: plain HTTP to {parts.hostname} would show passwords to the network: use https")
    return url


def _one_of(env: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = env.get(name, values[0])
    if value not in values:
        raise ConfigError(f"{name} is {value!r}; use one of {', '.join(values)}")
    return value


def _seconds(env: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    value = env.get(name) or str(default)
    try:
        seconds = float(value)
    except ValueError:
        seconds = float("nan")
    if not least <= seconds < float("inf"):
        raise ConfigError(f"{name} is {value!r}; give seconds, at least {least:g}")
    return seconds
