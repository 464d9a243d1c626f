"""What the migrations make is what the tables say."""

from ledger.migrate import differences


def test_the_migrated_database_is_what_the_tables_say(database_url: str) -> None:
    assert differences(database_url) == []
