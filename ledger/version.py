"""Whether the database has every migration that this code needs; asked by each worker, so without Alembic.

Alembic and SQLAlchemy would be a quarter of a worker's memory, and are needed by nobody but who migrates.
"""

from pathlib import Path

from ledger.session import Connection

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def known() -> list[str]:
    """The migrations that this code has, in their order: each follows the one before."""
    return sorted(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py"))


def pending(connection: Connection) -> bool:
    """Whether the database lacks one of them; one that this code does not know is a newer one."""
    found = connection.execute("SELECT to_regclass('lockgate.alembic_version')").fetchone()
    if found is None or found[0] is None:
        return True
    applied = {str(row[0]) for row in connection.execute("SELECT version_num FROM lockgate.alembic_version")}
    return applied <= set(known()) and known()[-1] not in applied
