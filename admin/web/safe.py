"""What must hold before a page is served: it refuses with one sentence what would be unsafe without a word."""

import logging
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from admin.access import accounts
from admin.access.openid.door import Door
from admin.access.openid.refused import AwayError, OpenIdError
from admin.web.place import Place
from config.address import LOOPBACK
from config.errors import ConfigError
from tasks.app import app as celery
from tasks.preflight import check_ledger, check_redis

_log = logging.getLogger(__name__)
_DEBUG = ("FLASK_DEBUG", "PYTHONDEVMODE", "WERKZEUG_DEBUG_PIN")
_UNVERIFIED = ("PYTHONHTTPSVERIFY", "CURL_CA_BUNDLE")


def check(place: Place, host: str, *, behind_proxy: bool, environment: Mapping[str, str] | None = None) -> None:
    """Refuse to start unsafe.

    Args:
        place: what is served.
        host: the address that is listened on.
        behind_proxy: only a proxy reaches the port.
        environment: this process's own, unless another is given.

    Raises:
        ConfigError: something is unsafe; the sentence says the mend.
    """
    env = os.environ if environment is None else environment
    check_address(host, place.origin, behind_proxy=behind_proxy)
    check_environment(env)
    check_serializers(celery.conf.accept_content)
    check_redis_url(place.settings.redis_url)
    check_ledger(place.platform)
    check_redis(place.platform)
    if place.door is None:
        with place.ledger.connection() as connection:
            check_accounts(accounts.listed(connection))
    else:
        check_openid(place.door)


def check_address(host: str, origin: str, *, behind_proxy: bool) -> None:
    """Refuse to show passwords and sessions to a network.

    Raises:
        ConfigError: it would.
    """
    if host not in LOOPBACK and not behind_proxy:
        raise ConfigError(
            f"listening on {host} without TLS would show passwords to the network: listen on 127.0.0.1, or put a proxy in "
            "front that ends TLS, set LOCKGATE_ADMIN_URL to its address, and say --behind-proxy"
        )
    if behind_proxy and urlsplit(origin).scheme == "http" and urlsplit(origin).hostname not in LOOPBACK:
        raise ConfigError("a proxy that ends TLS has an https address: set LOCKGATE_ADMIN_URL to it")


def check_environment(env: Mapping[str, str]) -> None:
    """Refuse what makes pages of our insides, or turns off the verification of certificates.

    Raises:
        ConfigError: a variable does.
    """
    for name in _DEBUG:
        if env.get(name, "0") not in {"", "0"}:
            raise ConfigError(
                f"{name} is set, and would show this program's insides to whoever meets an error: unset it"
            )
    for name in _UNVERIFIED:
        if env.get(name) in {"0", ""}:
            raise ConfigError(f"{name} turns off the verification of certificates: unset it")


def check_serializers(accepted: object) -> None:
    """Refuse formats that run code when they are read.

    Raises:
        ConfigError: one is accepted.
    """
    listed = (
        {str(each) for each in accepted} if isinstance(accepted, (list, tuple, set, frozenset)) else {str(accepted)}
    )
    if listed - {"json", "application/json"}:
        raise ConfigError(f"Celery would open {', '.join(sorted(listed))}: accept_content must be json alone")


def check_redis_url(url: str) -> None:
    """Refuse a Redis that everybody on the network may write to.

    Raises:
        ConfigError: it asks for no password, and is not on this machine.
    """
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK and not parts.password:
        raise ConfigError(
            f"the Redis at {parts.hostname} asks for no password, so that whoever reaches it may write hints and breakers: "
            "set one, and put it into LOCKGATE_REDIS_URL"
        )


def check_openid(door: Door) -> None:
    """Refuse an OpenID provider that cannot be used; one that does not answer now may later.

    Raises:
        ConfigError: what it says about itself does not fit.
    """
    try:
        door.look()
    except AwayError as error:
        _log.warning("nobody can sign in through %s for now: %s", door.given.issuer, error.said)
    except OpenIdError as error:
        raise ConfigError(f"{door.given.issuer} cannot sign anybody in: {error.said}") from None


def check_accounts(found: list[accounts.Account]) -> None:
    """There is no account and no password that comes with Lockgate.

    Raises:
        ConfigError: nobody may sign in.
    """
    if not any(one.disabled_at is None for one in found):
        raise ConfigError("nobody may sign in yet: make an account with `lockgate admin user add NAME --role admin`")
