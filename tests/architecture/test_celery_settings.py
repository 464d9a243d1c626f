"""docs/celery.md gives the reason of each of Celery's settings."""

from celery.app.defaults import NAMESPACES, flatten
from given.documents import column, rows

from tasks.configuration import Configuration

PAGE = "docs/celery.md"


def test_each_setting_has_its_reason_and_each_reason_its_setting() -> None:
    assert sorted(column(PAGE, "Settings")) == sorted(name for name in vars(Configuration) if not name.startswith("_"))
    assert all(len(reason) > 3 for _, reason in rows(PAGE, "Settings"))


def test_each_setting_is_one_that_celery_knows() -> None:
    known = {name for name, _ in flatten(NAMESPACES)}
    assert set(column(PAGE, "Settings")) - known == set()


def test_prefetching_stays_on() -> None:
    """docs/decisions/0003: with it off, and without acknowledgements, nothing wakes the loop when a slot is free."""
    assert not hasattr(Configuration, "worker_disable_prefetch")
    assert Configuration.worker_prefetch_multiplier == 1, "tasks.broker says how many hints are taken for each slot"


def test_after_a_lost_connection_a_worker_takes_as_much_as_before() -> None:
    """docs/decisions/0029: only Celery's own promises would give back what it took away, and hints go past them."""
    assert Configuration.worker_enable_prefetch_count_reduction is False
