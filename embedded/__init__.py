"""A real PostgreSQL and a real Valkey from wheels, for development, the demo and the tests."""

from embedded.postgres import Postgres
from embedded.servers import Servers
from embedded.valkey import Valkey

__all__ = ["Postgres", "Servers", "Valkey"]
