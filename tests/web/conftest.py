"""The admin, in front of a ledger and a Redis."""

from collections.abc import Iterator

import pytest
from given.deployment import as_application
from given.office import Desk, Office, served

from config.settings import Settings


@pytest.fixture
def desk(database_url: str, redis_url: str, data_key: str) -> Iterator[Desk]:
    """A deployment without a provider and without workers."""
    settings = Settings.from_environment(
        {
            "LOCKGATE_DATABASE_URL": database_url,
            "LOCKGATE_REDIS_URL": redis_url,
            "LOCKGATE_DATA_KEY": data_key,
            "LOCKGATE_STRIPE_API_KEY": "sk_test_desk",
            "LOCKGATE_POSTMARK_SERVER_TOKEN": "token-desk",
        }
    )
    with as_application(settings):
        yield Desk(settings)


@pytest.fixture
def office(desk: Desk) -> Iterator[Office]:  # noqa: ARG001  the platform that is served is its
    with served() as opened:
        yield opened
