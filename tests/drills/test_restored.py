"""PostgreSQL is restored from a backup: the ledger has forgotten what the providers have not, and nothing is done twice."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from given.console import Console
from given.deployment import Deployment, Sandbox, eventually
from given.payments import mail, pay

from embedded import Postgres
from soak.backup import back_up, restore
from soak.subject.tasks import make_thing, send_ping

Deploy = Callable[..., Deployment]
TIMES = {"call__connect": "0.4s", "call__read": "0.8s", "call__total": "1s", "call__lease": "2s", "settle": "1s"}
TIMES |= {"retry__give_up_after": "15m"}  # nothing dies of a slow machine
PLAIN = Path(__file__).parents[2] / "soak/subject/providers/plain.toml"
EACH = 3  # operations of each means in each part
LIMITS = [{"calls": 500, "per": "1s"}]


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Sandbox]:
    place = tmp_path / "plain"
    place.mkdir()
    sandbox = Sandbox(place)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def shop(deploy: Deploy, own_postgres: Postgres, plain: Sandbox, tmp_path: Path) -> Deployment:
    """Stripe (K), Postmark (Q) and the plain provider (N and X), on a PostgreSQL of its own."""
    more = {
        "LOCKGATE_TASKS": "soak.subject.tasks", "LOCKGATE_PLAIN_TOKEN": "token-plain",
        "LOCKGATE_PLAIN_BASE_URL": plain.urls["plain"], "LOCKGATE_PROVIDERS": f"{tmp_path / 'providers'}:{PLAIN}",
    }  # fmt: skip
    return deploy(more, database=own_postgres.url, limits=LIMITS, **TIMES)


def ask(names: Iterable[str]) -> dict[str, list[Any]]:
    """One operation of each means for each name."""
    asked: dict[str, list[Any]] = {"K": [], "Q": [], "N": [], "X": []}
    for name in names:
        asked["K"].append(pay(name))
        asked["Q"].append(mail(name))
        asked["N"].append(make_thing.delay(reference=name))
        asked["X"].append(send_ping.delay(to=name))
    return asked


def ended(shop: Deployment, asked: dict[str, list[Any]]) -> dict[str, Counter[Any]]:
    """Wait for the end of all; how they ended, by means."""
    everything = [one for several in asked.values() for one in several]
    eventually(lambda: all(shop.state_of(one.id) in {"succeeded", "declined", "dead"} for one in everything))
    return {means: Counter(shop.row("state, effect", one.id) for one in several) for means, several in asked.items()}


def done(shop: Deployment, plain: Sandbox) -> Counter[tuple[str, str]]:
    """How often what was done at the providers."""
    found: Counter[tuple[str, str]] = Counter()
    for effect in [*shop.sandbox.effects(), *plain.effects()]:
        named = effect["metadata"].get("order_id") or effect["metadata"].get("lockgate_key")
        if effect["standing"] and effect["effect"] != "open":
            found[effect["effect"], named] += 1
    return found


def test_what_was_done_after_the_backup_is_not_done_again(
    shop: Deployment, own_postgres: Postgres, plain: Sandbox, tmp_path: Path
) -> None:
    worker = shop.worker(concurrency=8)
    ended(shop, ask(f"early-{number}" for number in range(EACH)))
    worker.kill()
    ask(f"waiting-{number}" for number in range(EACH))  # nobody carries them out before the backup
    back_up(own_postgres, tmp_path / "backup")
    worker = shop.worker(concurrency=8)
    ended(shop, ask(f"waiting-{number}" for number in range(EACH)))
    ended(shop, ask(f"late-{number}" for number in range(EACH)))
    worker.kill()
    before = done(shop, plain)
    assert len(before) == 4 * 3 * EACH
    assert set(before.values()) == {1}

    shop.platform.ledger.close()
    restore(own_postgres, tmp_path / "backup")
    assert shop.count("operations") == 4 * 2 * EACH  # it has forgotten what came later
    console = Console(shop.environment)
    shop.platform.ledger.close()
    told = console.json("ledger", "restored", "--because", "the disk is gone")
    assert (told["count"], told["trusted"], told["left"]) == (1, False, 4 * EACH)
    shop.worker(concurrency=8)
    again = ask([f"{age}-{number}" for age in ("waiting", "late", "fresh") for number in range(EACH)])
    how = ended(shop, again)
    fine, asked_of_people = ("succeeded", "done"), ("dead", "unknown")
    assert how == {
        "K": {fine: 3 * EACH}, "Q": {fine: 3 * EACH}, "N": {fine: 3 * EACH}, "X": {asked_of_people: 3 * EACH},
    }  # fmt: skip
    after = done(shop, plain)
    assert set(after.values()) == {1}
    assert set(after) - set(before) == {key for key in after if key not in before}
    assert len(after) - len(before) == 3 * EACH  # what is new, of what can be asked about
    assert shop.count("dead_letters WHERE reason = 'restored' AND effect = 'unknown'") == 3 * EACH
    assert console.json("ledger", "show")["left"] == 0

    assert console.json("ledger", "trust", "--because", "all have asked again")["trusted"]
    assert ended(shop, ask(["trusted"]))["X"] == {fine: 1}
    assert shop.count("audit WHERE target = 'ledger'") == 2


def test_without_the_command_a_restore_does_things_twice(
    shop: Deployment, own_postgres: Postgres, plain: Sandbox, tmp_path: Path
) -> None:
    ask(["waiting"])
    back_up(own_postgres, tmp_path / "backup")
    worker = shop.worker()
    ended(shop, ask(["waiting"]))
    worker.kill()
    shop.platform.ledger.close()
    restore(own_postgres, tmp_path / "backup")
    shop.worker()
    ended(shop, ask(["waiting"]))
    twice = {effect for (effect, _), count in done(shop, plain).items() if count > 1}
    assert {"ping", "email"} <= twice


def test_it_is_refused_while_a_worker_runs(deployment: Deployment) -> None:
    deployment.worker()
    console = Console(deployment.environment)
    refused = console.run("ledger", "restored", "--because", "no reason")
    assert refused.code == 1
    assert "end workers and applications first, or say --anyway" in refused.err
    assert console.json("ledger", "show")["count"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "yesterday"), "'yesterday' is no time with its zone"),
        (("--to", "2026-01-01T00:00:00"), "is no time with its zone"),
        (("--to", "2999-01-01T00:00:00Z"), "is to come"),
        ((), "the ledger is empty"),
    ],
)
def test_what_it_cannot_know_is_asked_for(deployment: Deployment, words: tuple[str, ...], said: str) -> None:
    deployment.platform.ledger.close()
    refused = Console(deployment.environment).run("ledger", "restored", "--because", "tried", *words)
    assert refused.code != 0
    assert said in refused.err
    assert "Traceback" not in refused.err
