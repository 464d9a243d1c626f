"""Who has a dump of the database, of Redis, or the logs, learns nothing of the people in them, and no secret."""

import base64
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import redis
from given.deployment import PATIENCE, Deployment, eventually
from given.payments import mail
from psycopg import sql

from operations.errors import DeadLettered
from tasks.payments import create_customer

Deploy = Callable[..., Deployment]
SECRETS = {"sk_live_canary0123456789": "stripe", "token-canary-0123456789": "postmark"}
PERSONAL = [
    "ada.lovelace.canary@example.com",
    "Ada Canary Lovelace",
    "4242-canary-street",
    "canary.inactive@inactive.example",
]


def written(canary: str) -> Iterator[bytes]:
    """The ways in which a text may have been written down."""
    for form in (canary, quote(canary), quote(canary, safe=""), json.dumps(canary)[1:-1], canary.replace(" ", "+")):
        yield form.encode()
        yield form.encode().hex().encode()
    for start in range(3):  # base64 of it in the middle of something, without the letters that its neighbours change
        yield base64.b64encode(b"\0" * start + canary.encode())[4:-4]


def found_in(text: bytes) -> list[str]:
    return [canary for canary in (*SECRETS, *PERSONAL) if any(form in text for form in written(canary))]


def dump(deployment: Deployment) -> bytes:
    """Every row of every table, as text."""
    with deployment.platform.ledger.connection() as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN "
            "('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 10
        rows = [
            connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(*table))).fetchall()
            for table in tables
        ]
    return str(rows).encode()


def redis_dump(deployment: Deployment) -> bytes:
    with redis.Redis.from_url(deployment.valkey.url) as client:
        return b"".join(key + (client.dump(key) or b"") for key in client.scan_iter(count=1000))


def test_the_search_for_canaries_finds_them_however_they_are_written() -> None:
    for canary in (*SECRETS, *PERSONAL):
        for form in (canary.encode(), quote(canary).encode(), canary.encode().hex().encode()):
            assert found_in(b"before " + form + b" after") == [canary]
        assert found_in(base64.b64encode(b"before " + canary.encode() + b" after")) == [canary]


def test_no_dump_of_database_or_redis_and_no_log_names_a_person_or_a_secret(deploy: Deploy) -> None:
    stripe, postmark = SECRETS
    deployment = deploy(
        {"LOCKGATE_STRIPE_API_KEY": stripe, "LOCKGATE_POSTMARK_SERVER_TOKEN": postmark},
        settle="1s", call__read="0.6s", retry__delays=["0s", "100ms", "100ms", "100ms"],
    )  # fmt: skip
    email, name, street, inactive = PERSONAL
    deployment.worker("-l", "DEBUG")
    succeeded = create_customer.delay(customer_id="c-1", email=email, name=name)
    sent = mail("c-2", to=f"{name} <{email}>", subject=f"For {name}", text=f"To {street}")
    refused = mail("c-3", to=inactive, text=street)
    for result in (succeeded, sent):
        deployment.ends(result.id)
    deployment.ends(refused.id, "declined")
    deployment.sandbox.fault("F21", match={"provider": "stripe", "method": "POST"}, times=1)
    dead = create_customer.delay(customer_id="c-4", email=email, name=name)
    with pytest.raises(DeadLettered):
        dead.get(timeout=PATIENCE)
    deployment.sandbox.fault("F13", match={"provider": "stripe", "method": "POST"}, times=2)
    doubtful = create_customer.delay(customer_id="c-5", email=email, name=name)
    deployment.ends(doubtful.id)
    waiting = mail("c-6", to=email, text=street)
    eventually(lambda: deployment.state_of(waiting.id) in {"calling", "succeeded"})
    left_over = create_customer.apply_async(
        kwargs={"customer_id": "c-7", "email": email, "name": name},
        countdown=60,
        link=create_customer.s(customer_id="c-8"),
    )
    assert deployment.state_of(left_over.id) == "waiting"
    text = dump(deployment)
    assert str(deployment.row("o.id", dead.id)).encode() in text
    assert found_in(text) == []
    assert found_in(redis_dump(deployment)) == []
    log = deployment.workers[0].log.read_bytes()
    assert dead.id.encode() in log
    assert found_in(log) == []
    assert deployment.settings.data_key.reveal().encode() not in log
    for url in (deployment.settings.database_url, deployment.settings.redis_url):
        assert url.split("@")[0].rpartition(":")[2].encode() not in log
