"""A tenant's account at a provider: whose it is, and what happens when its credentials are refused."""

import threading
from contextlib import suppress
from dataclasses import dataclass

from config.errors import ConfigError
from integrations.call import Line, failure, verdict
from integrations.registry import Provider
from ledger import accounts, pauses
from ledger.session import Connection
from operations.outcome import ErrorClass, Failed
from operations.request import Reply
from resilience.permit import Refused
from resilience.traffic import Lane
from tasks.moves import note_move
from tasks.platform import Platform

_lock = threading.Lock()
_known: dict[tuple[str, str], "Account"] = {}


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's connection to a provider.

    Attributes:
        name: the provider's name for the account.
        credential: a fingerprint of what opens it.
    """

    name: str
    credential: str


def account(
    platform: Platform,
    provider: Provider,
    tenant: str,
    *,
    may_ask: bool = True,
    may_probe: bool = False,
    ticket: str = "",
) -> Account | None:
    """Whose account a tenant's credentials open; asked of the provider once per credential, under a permit.

    Args:
        platform: the parts.
        provider: whom to ask.
        tenant: whose credentials.
        may_ask: whether the provider may be asked, if nobody has asked it yet.
        may_probe: whether the question may find out if the provider is back: nothing else can while it is unanswered.
        ticket: whose hint is dropped when it may not be asked now.

    Returns:
        None when it cannot be said now: the work waits, and no attempt is used.
    """
    try:
        credential = fingerprint(platform, provider, tenant)
    except ConfigError as error:
        _hold(platform, provider, tenant, None, error.message)
        return None
    found = _known.get((provider.name, tenant))
    if found is not None and found.credential == credential:
        return found
    with platform.ledger.connection() as connection:
        welcome_changed(platform, connection)
        name = accounts.remembered(connection, tenant, provider.name, credential)
    if name is None and may_ask:
        name = _ask(platform, provider, tenant, credential, may_probe=may_probe, ticket=ticket)
    if name is None:
        return None
    with _lock:
        _known[provider.name, tenant] = Account(name, credential)
    return _known[provider.name, tenant]


def pause_connection(platform: Platform, provider: Provider, tenant: str, code: str) -> None:
    """The provider refuses a tenant's credentials: its work waits until they are changed, and nobody else's."""
    _hold(platform, provider, tenant, fingerprint(platform, provider, tenant), f"the provider refused them: {code}")


def _hold(platform: Platform, provider: Provider, tenant: str, credential: str | None, why: str) -> None:
    with platform.ledger.connection() as connection:
        pauses.pause(
            connection,
            provider.name,
            tenant=tenant,
            cause="connection",
            credential=credential,
            by="lockgate",
            because=why,
        )


def welcome_changed(platform: Platform, connection: Connection) -> None:
    """Let the work of tenants go on whose credentials are others than those that were refused.

    The sweep looks, for held work gets no hints: nobody else would ever come to see that they were changed.
    """
    for pause in pauses.in_force(connection):
        provider = platform.registry.providers.get(pause.provider)
        if pause.cause != "connection" or pause.tenant is None or provider is None:
            continue
        with suppress(ConfigError):  # still none here; another worker may have them
            if fingerprint(platform, provider, pause.tenant) != pause.credential:
                pauses.lift(connection, provider.name, causes=("connection",), tenant=pause.tenant)


def _ask(
    platform: Platform, provider: Provider, tenant: str, credential: str, *, may_probe: bool, ticket: str
) -> str | None:
    lane = Lane(provider.name, tenant, "account")
    permit = platform.admission.ask(lane, may_probe=may_probe, lease=provider.lease, ticket=ticket)
    if isinstance(permit, Refused):
        return None
    heard = Line(platform.registry, platform.transport, provider, tenant).say(
        provider.adapter.account_request(), lambda: None
    )
    name = provider.adapter.account(heard) if isinstance(heard, Reply) else None
    failed = failure(provider, heard) if isinstance(heard, Reply) and name is None else None
    slow = failed.retry_after or 1.0 if _too_fast(failed) and failed else None
    note_move(platform, provider.name, platform.admission.report(permit, verdict(heard, failed), retry_after=slow))
    if failed is not None and failed.connection:
        pause_connection(platform, provider, tenant, failed.code)
    if name is not None:
        with platform.ledger.connection() as connection:
            accounts.remember(connection, tenant, provider.name, credential, name)
    return name


def _too_fast(failed: Failed | None) -> bool:
    return failed is not None and failed.error_class is ErrorClass.RATE_LIMITED


def fingerprint(platform: Platform, provider: Provider, tenant: str) -> str:
    """A name for a tenant's credentials in this process.

    Raises:
        ConfigError: one of them is not set.
    """
    secrets = platform.registry.credentials(provider, tenant)
    joined = "\x00".join(secrets[name].reveal() for name in sorted(secrets))
    return accounts.fingerprint(platform.ledger, provider.name, joined)
