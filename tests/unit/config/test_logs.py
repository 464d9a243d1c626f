"""What may be read in a log, and what may not: canaries are let into every way that leads there."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from config import logs
from config.redact import _SHAPES, redactor
from config.settings import Settings

KEY = "sk_test_canary0123456789"
TOKEN = "canary-server-token"
CANARIES = (
    KEY, TOKEN, "canary-database-password", "canary-redis-password", "Y2FuYXJ5LWRhdGEta2V5LWNhbmFyeS1kYXRhLWtleS4",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "whsec_CANARYcanary12345", "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl",
    "4242 4242 4242 4242", "4242424242424242", "ada@example.com", "pi_3Q_secret_canary12345",
)  # fmt: skip

ENVIRONMENT = {
    "LOCKGATE_DATABASE_URL": "postgresql://lockgate:canary-database-password@db/lockgate",
    "LOCKGATE_REDIS_URL": "redis://:canary-redis-password@redis:6379/0",
    "LOCKGATE_DATA_KEY": "Y2FuYXJ5LWRhdGEta2V5LWNhbmFyeS1kYXRhLWtleS4",
    "LOCKGATE_STRIPE_API_KEY": KEY,
    "LOCKGATE_POSTMARK_SERVER_TOKEN__ACME": TOKEN,
    "LOCKGATE_STRIPE_BASE_URL": "https://api.stripe.com",
}


class Kept(logging.Handler):
    """A handler that keeps its lines."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logs.formatter(form, Settings.from_environment(ENVIRONMENT).secrets()))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(params=["plain", "json"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    root, handler = logging.getLogger(), Kept(request.param)
    before, level = root.handlers, root.level
    logs.set_up(request.param, ())
    root.handlers = [handler]
    root.setLevel(logging.DEBUG)
    yield handler
    root.handlers, root.level = before, level
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def let_in(canary: str) -> None:
    """Say a canary in every way in which a line can come to hold one."""
    log = logging.getLogger("urllib3.connectionpool")
    log.debug('https://api.stripe.com:443 "GET /v1/customers?email=%s HTTP/1.1" 200 None', canary)
    log.info("Authorization: Bearer %s", canary)
    log.warning("message", extra={"body": canary, "arguments": {"email": canary}})
    structlog.stdlib.get_logger("lockgate").info("attempt", body=canary, code=f"refused {canary}", message=canary)
    logging.getLogger("celery.app.trace").info(
        "Task %(name)s[%(id)s] succeeded in %(runtime)ss: %(return_value)s",
        {"name": "t", "id": "i", "runtime": 1.0, "return_value": "{'result': '" + canary + "'}"},
    )
    logging.getLogger("celery.worker.consumer.consumer").error(
        "Received unregistered task.\n\nThe full contents of the message body was:\n%r (%sb)\n\nThe full headers:",
        canary,
        9,
    )
    error = ConnectionError(f"HTTPSConnectionPool: Max retries exceeded with url: /v1/charges?key={canary}")
    log.error("%s", canary, exc_info=error)


@pytest.mark.parametrize("canary", CANARIES)
def test_no_way_into_the_log_shows_a_secret_or_a_person(kept: Kept, canary: str) -> None:
    let_in(canary)
    assert len(kept.lines) == 7
    assert [line for line in kept.lines if canary in line] == []


def test_the_scan_finds_a_canary_where_nothing_is_redacted() -> None:
    plain, lines = logging.Formatter(), []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(plain.format(record))  # type: ignore[method-assign]
    log = logging.getLogger("urllib3.connectionpool")
    log.addHandler(handler)
    try:
        log.warning("Bearer %s", KEY)
    finally:
        log.removeHandler(handler)
    assert KEY in lines[0]


@pytest.mark.parametrize("kept", ["json"], indirect=True)
def test_a_json_line_is_one_object_with_the_fields_on_the_list(kept: Kept) -> None:
    with logs.about(tenant="acme", provider="stripe", kind="stripe.take_payment", operation="o", ticket="t", attempt=2):
        structlog.stdlib.get_logger("lockgate.attempt").info("attempt", outcome="failed", elapsed=0.25, secret="x")
        logging.getLogger("integrations.call").warning("a line of another module\nwith a break")
    logging.getLogger("celery").info("afterwards")
    first, second, third = map(json.loads, kept.lines)
    assert first | {"timestamp": ""} == {
        "timestamp": "", "level": "info", "logger": "lockgate.attempt", "event": "attempt", "tenant": "acme",
        "provider": "stripe", "kind": "stripe.take_payment", "operation": "o", "ticket": "t", "attempt": 2,
        "outcome": "failed", "elapsed": 0.25,
    }  # fmt: skip
    assert (second["operation"], second["attempt"]) == ("o", 2)
    assert "operation" not in third
    assert all("\n" not in line for line in kept.lines)


@pytest.mark.parametrize("kept", ["plain"], indirect=True)
def test_a_text_with_a_line_break_cannot_pass_for_a_line_of_its_own(kept: Kept) -> None:
    logging.getLogger("celery").warning(
        "refused\n2026-01-01T00:00:00Z info     lockgate.attempt: attempt outcome=succeeded"
    )
    first, *others = kept.lines[0].splitlines()
    assert "refused" in first
    assert all(line.startswith("    ") for line in others)


def test_what_is_no_secret_stays_readable() -> None:
    redact = redactor(Settings.from_environment(ENVIRONMENT).secrets())
    for text in (
        "POST /v1/payment_intents 200 in 0.412 s, reference pi_3QxYz, operation 01900000-0000-7000-8000-0000000f423f",
        "sent 1790000000123 bytes, code card_declined",
    ):
        assert redact(text) == text


@pytest.mark.parametrize(("signs", "shape"), [(signs, shape) for signs, shape, _ in _SHAPES])
@given(data=st.data())
def test_what_has_a_shape_has_one_of_its_signs(signs: tuple[str, ...], shape: re.Pattern[str], data: Any) -> None:
    text = data.draw(st.from_regex(shape))
    assert any(sign in text for sign in signs)


def test_what_is_masked_in_one_field_ends_with_it(kept: Kept) -> None:
    for code in ("plain", logs._BETWEEN, f"a{logs._BETWEEN}b", "\n\n", "\x1e"):
        structlog.stdlib.get_logger("lockgate").info(
            "contents of the message body was: canary",
            tenant="Bearer ",
            provider="stripe",
            code=code,
            reference="body: canary",
            status=9,
        )
    for line in kept.lines:
        assert "canary" not in line
        assert "stripe" in line
        assert "9" in line
    assert "plain" in kept.lines[0]


@pytest.mark.parametrize("kept", ["json"], indirect=True)
def test_no_text_moves_to_another_field(kept: Kept) -> None:
    structlog.stdlib.get_logger("lockgate").info(f"x{logs._BETWEEN[:3]}", tenant="y", provider="z")
    said = json.loads(kept.lines[0])
    assert (said["event"], said["tenant"], said["provider"]) == ("x\n\n\x1e", "y", "z")
