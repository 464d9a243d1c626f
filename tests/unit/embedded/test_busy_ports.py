"""A port that another program was faster to take is avoided, and one that others know is not given up."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from given.folders import for_servers

from embedded import Postgres, Valkey
from embedded.postgres import PostgresFailedError
from embedded.valkey import ValkeyFailedError

KINDS = [(Postgres, PostgresFailedError), (Valkey, ValkeyFailedError)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the servers' account may enter, where they run as another."""
    with for_servers() as made:
        yield made


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """Another program on a port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other


@pytest.mark.parametrize(("kind", "_failed"), KINDS)
def test_a_server_moves_to_another_port_when_its_own_was_taken_meanwhile(
    kind: type[Postgres | Valkey], _failed: type[Exception], folder: Path, taken: socket.socket
) -> None:
    server = kind(folder)
    server.port = taken.getsockname()[1]
    server.start()
    try:
        assert server.alive
        assert server.port != taken.getsockname()[1]
    finally:
        server.stop(immediate=True)


@pytest.mark.parametrize(("kind", "failed"), KINDS)
def test_a_port_that_was_asked_for_is_not_given_up(
    kind: type[Postgres | Valkey], failed: type[Exception], folder: Path, taken: socket.socket
) -> None:
    server = kind(folder, port=taken.getsockname()[1])
    with pytest.raises(failed):
        server.start()
