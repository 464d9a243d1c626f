"""What the migrations make is what the tables say, and what was there before is there afterwards."""

from dataclasses import replace

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from given.buried import MAILS, PAYMENTS, dead

from ledger import groups, waiting
from ledger.migrate import _config, _connected, differences, upgrade
from ledger.session import Ledger
from ledger.version import known


def test_the_migrated_database_is_what_the_tables_say(database_url: str) -> None:
    assert differences(database_url) == []


def test_workers_know_the_same_migrations_as_alembic(database_url: str) -> None:
    with _connected(database_url) as connection:
        scripts = ScriptDirectory.from_config(_config(connection))
    assert known() == [script.revision for script in reversed(list(scripts.walk_revisions()))]


@pytest.mark.parametrize("before", ["0008", "0007"])
def test_a_ledger_of_before_counts_its_open_letters_and_goes_on_counting(ledger: Ledger, before: str) -> None:
    for number in range(5):
        dead(ledger, key=f"order:{number}:payment", lane=replace(PAYMENTS, tenant=f"shop{number % 2}"))
    dead(ledger, key="mail:1", lane=MAILS)
    groups.fold(ledger)
    dead(ledger, key="order:late:payment", lane=replace(PAYMENTS, tenant="shop1"))  # not added up yet
    ledger.close()
    with _connected(ledger.url) as connection:
        command.downgrade(_config(connection), before)
    assert differences(ledger.url) != []
    upgrade(ledger.url)
    assert differences(ledger.url) == []
    for _ in range(2):
        with ledger.connection() as connection:
            assert waiting.dead(connection) == {"stripe": 6, "postmark": 1}
            assert waiting.dead(connection, ["shop1"]) == {"stripe": 3}
        groups.fold(ledger)
