"""The admin, in front of a ledger and a Redis that the tests of a file share: each makes accounts of its own."""

from collections.abc import Callable, Iterator

import pytest
from argon2 import PasswordHasher
from given.deployment import as_application
from given.office import Desk, Office, served

from admin.access import passwords
from config.settings import Settings
from embedded import Valkey


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hashes that cost nothing: a sign-in is a step of nearly every test, and what they cost is tried by two."""
    costly, passwords._hasher = passwords._hasher, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords._nobodys.cache_clear()
    yield
    passwords._hasher = costly
    passwords._nobodys.cache_clear()


@pytest.fixture(scope="module")
def besides() -> dict[str, str]:
    """What a file's deployment has in its environment beside the usual."""
    return {}


@pytest.fixture(scope="module")
def desk(make_database: Callable[[], str], valkey: Valkey, data_key: str, besides: dict[str, str]) -> Iterator[Desk]:
    """A deployment without a provider and without workers."""
    settings = Settings.from_environment(
        {
            "LOCKGATE_DATABASE_URL": make_database(),
            "LOCKGATE_REDIS_URL": valkey.url,
            "LOCKGATE_DATA_KEY": data_key,
            "LOCKGATE_STRIPE_API_KEY": "sk_test_desk",
            "LOCKGATE_POSTMARK_SERVER_TOKEN": "token-desk",
        }
        | besides
    )
    with as_application(settings):
        yield Desk(settings)


@pytest.fixture(scope="module")
def opened(desk: Desk) -> Iterator[Office]:  # noqa: ARG001  the platform that is served is its
    with served() as office:
        yield office


@pytest.fixture
def office(opened: Office) -> Office:
    """With nobody at the door: what earlier tests tried does not count."""
    with opened.place.ledger.connection() as connection:
        connection.execute("DELETE FROM lockgate.admin_sign_ins")
    return opened
