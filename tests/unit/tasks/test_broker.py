"""How long a worker waits between two tries to reach Redis."""

import pytest
from kombu.exceptions import OperationalError
from kombu.utils import functional

from tasks.app import app
from tasks.broker import Connection


def test_the_pause_between_tries_to_connect_does_not_grow_beyond_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(functional, "sleep", lambda _seconds: None)
    nobody = Connection("redis://127.0.0.1:1/0")
    with pytest.raises(OperationalError, match="refused"):
        nobody.ensure_connection(lambda _error, pause: pauses.append(pause), 30)
    assert len(pauses) == 30
    assert max(pauses) == 2.0


def test_the_workers_connection_is_of_this_kind() -> None:
    assert app.amqp.Connection is Connection
