"""A server that is not who it says, or not private enough, hears no byte of ours; nobody talks in the clear by mistake."""

import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from given.certificates import Authority
from given.peer import Line, Peer, answers_always

from config.errors import ConfigError
from config.settings import Settings
from integrations import classify
from integrations.connection import NotSentError
from integrations.registry import Registry
from integrations.transport import Limits, Transport
from operations.outcome import Deferred, Effect, ErrorClass
from operations.request import Reply, Request, Silence

WRITE = Request("POST", "/v1/things", body=b"amount=4200")
LIMITS = Limits(connect=2.0, read=2.0, total=5.0, max_body=100_000)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this machine trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.fixture
def transport(authority: Authority) -> Iterator[Transport]:
    """One that reads whom to trust after the authority is there."""
    assert authority.file.exists()
    made = Transport()
    yield made
    made.close()


def send(
    transport: Transport, url: str, guard: Callable[[], None] = lambda: None, *, tenant: str = "default"
) -> Reply | Silence | Deferred:
    return transport.send(
        WRITE, base_url=url, session=("acme", tenant), credentials={"Authorization": "Bearer sk_live_secret"},
        limits=LIMITS, guard=guard,
    )  # fmt: skip


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same server, ten years ago."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def test_a_server_that_is_who_it_says_is_spoken_to(authority: Authority, transport: Transport) -> None:
    with Peer(answers_always(), authority.server()) as peer:
        assert isinstance(send(transport, peer.url), Reply)
        assert b"sk_live_secret" in peer.heard


@pytest.mark.parametrize(
    "wrong",
    [
        lambda authority: authority.server(trusted=False),
        lambda authority: authority.server("192.0.2.7"),
        lambda authority: authority.server(days=-5),
        lambda authority: old(authority.server()),
    ],
    ids=["self-signed", "another host's", "expired", "TLS 1.1"],
)
def test_a_server_that_is_not_hears_nothing(
    authority: Authority, transport: Transport, wrong: Callable[[Authority], ssl.SSLContext]
) -> None:
    with Peer(answers_always(), wrong(authority)) as peer:
        said = send(transport, peer.url)
        assert peer.heard == b""
    assert isinstance(said, Silence)
    failed = classify.of_silence(said, WRITE)
    assert (failed.error_class, failed.effect, failed.code) == (ErrorClass.TRANSIENT, Effect.NONE, "tls")


def test_the_old_server_of_these_tests_would_speak_to_others(authority: Authority) -> None:
    """Without this the test above could pass because no two parties on this machine speak TLS 1.1 at all."""
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    with (
        Peer(answers_always(), old(authority.server())) as peer,
        socket.create_connection(("127.0.0.1", peer.port)) as raw,
        old(careless).wrap_socket(raw) as line,
    ):
        assert line.version() == "TLSv1.1"


def test_the_guard_is_asked_after_the_handshake_and_before_the_first_byte(
    authority: Authority, transport: Transport
) -> None:
    def guard() -> None:
        raise NotSentError("lease_short")

    with Peer(answers_always(), authority.server()) as peer:
        assert send(transport, peer.url, guard) == Deferred("lease_short")
        assert len(peer.lines) == 1
        assert peer.heard == b""


@pytest.mark.parametrize("heard", [True, False], ids=["said", "not said"])
def test_an_answer_that_only_its_connection_ends_is_whole_if_that_end_was_said(
    authority: Authority,
    transport: Transport,
    heard: bool,  # noqa: FBT001
) -> None:
    """Anybody on the way can close a connection, and so cut an answer short; what TLS says, only the provider can."""

    def behave(line: Line) -> None:
        line.request()
        line.say(b"HTTP/1.1 200 OK\r\n\r\n{}")
        if heard:
            assert isinstance(line.socket, ssl.SSLSocket)
            line.socket.unwrap()

    with Peer(behave, authority.server()) as peer:
        said = send(transport, peer.url)
    if heard:
        assert isinstance(said, Reply)
        assert said.body == b"{}"
    else:
        assert isinstance(said, Silence)
        assert (said.code, said.sent, said.down) == ("connection_lost", True, True)
        assert classify.of_silence(said, WRITE).effect is Effect.UNKNOWN


def test_one_connection_carries_many_calls(authority: Authority, transport: Transport) -> None:
    """The tickets of TLS 1.3 come behind the handshake, and must not look like an answer to nothing."""
    with Peer(answers_always(), authority.server()) as peer:
        for _ in range(3):
            assert isinstance(send(transport, peer.url), Reply)
        assert [(len(line.requests), line.socket.version()) for line in peer.lines] == [(3, "TLSv1.3")]  # type: ignore[attr-defined]


# ---- where a provider may be ----


def settings(**environment: str) -> Settings:
    return Settings.from_environment(
        {
            "LOCKGATE_DATABASE_URL": "postgresql://nowhere/none",
            "LOCKGATE_REDIS_URL": "redis://nowhere",
            "LOCKGATE_DATA_KEY": "key",
            **environment,
        }
    )


def test_plain_http_is_for_this_machine_alone() -> None:
    assert settings(LOCKGATE_STRIPE_BASE_URL="http://127.0.0.1:8000").base_url("stripe", "") == "http://127.0.0.1:8000"
    with pytest.raises(ConfigError, match=r"plain HTTP to stripe\.internal .* use https, or set LOCKGATE_ALLOW_HTTP=1"):
        settings(LOCKGATE_STRIPE_BASE_URL="http://stripe.internal").base_url("stripe", "")


def test_plain_http_elsewhere_must_be_allowed_by_the_deployment() -> None:
    allowed = settings(LOCKGATE_STRIPE_BASE_URL="http://stripe.internal", LOCKGATE_ALLOW_HTTP="1")
    assert allowed.base_url("stripe", "") == "http://stripe.internal"


@pytest.mark.parametrize(
    "url", ["ftp://api.stripe.com", "https://", "https://user:word@api.stripe.com", "https://api.stripe.com?a=b", "api"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is not an address such as"):
        settings(LOCKGATE_STRIPE_BASE_URL=url).base_url("stripe", "")


def test_a_file_whose_address_is_not_on_its_own_list_is_refused(tmp_path: Path) -> None:
    bundled = (Path(__file__).parents[2] / "config/providers/stripe.toml").read_text()
    written = tmp_path / "stripe.toml"
    written.write_text(bundled.replace('queues   = ["stripe"]', 'queues = ["stripe"]\nhosts = ["api.stripe.test"]'))
    with pytest.raises(ConfigError, match="base_url is at a host that `hosts` does not list"):
        Registry(settings(LOCKGATE_PROVIDERS=str(written)))


def test_whom_to_trust_is_read_once_and_not_for_each_tenant_and_connection(
    authority: Authority, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        read.append("authorities")
        real(context, *args, **kwargs)

    with Peer(answers_always(), authority.server()) as peer:
        assert isinstance(send(transport, peer.url), Reply)
        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
        for tenant in ("default", "other", "third"):
            assert isinstance(send(transport, peer.url, tenant=tenant), Reply)
        assert len(peer.lines) == 3
    assert read == []
