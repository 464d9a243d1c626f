"""Serve the pages with waitress: threads, one process, no TLS of its own."""

import logging
import signal
import socket
from typing import Any

import click
from waitress.server import create_server

from admin.web import safe
from admin.web.app import make
from admin.web.pages.interface import openapi
from admin.web.place import Place
from admin.web.refusals import carry_headers
from config import logs
from config.errors import ConfigError
from config.settings import ADMIN_URL
from tasks.platform import platform

_LIMITS: dict[str, Any] = {
    "channel_timeout": 30,  # seconds that somebody may take over one request
    "max_request_header_size": 16 * 1024,
    "max_request_body_size": 512 * 1024,
    "connection_limit": 200,
    "cleanup_interval": 10,
}


def serve(host: str, port: int, *, behind_proxy: bool, threads: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError: it would be unsafe, or the port is taken.
    """
    here = platform()
    logs.set_up(here.settings.log, here.settings.secrets(), level=logging.WARNING)
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    given = here.settings.environment.get("LOCKGATE_ADMIN_URL")
    origin = here.settings.admin_url if given else ADMIN_URL.rpartition(":")[0] + f":{port}"
    place = Place(here, origin)
    safe.check(place, host, behind_proxy=behind_proxy)
    server = create_server(
        make(place), sockets=[listening], threads=threads, ident=None, **_proxy(behind_proxy), **_LIMITS
    )
    carry_headers(server, secure=place.secure)
    openapi(place)  # made once, and not while somebody waits for it
    click.echo(f"the admin is at {origin}")
    signal.signal(signal.SIGTERM, _end)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another --host or --port"
        ) from None
    return listening


def _proxy(behind_proxy: bool) -> dict[str, Any]:  # noqa: FBT001  a private helper of one flag
    """Of a proxy's headers only the client's address is used; the address of the pages is ours to say."""
    if not behind_proxy:
        return {"clear_untrusted_proxy_headers": True}
    return {
        "trusted_proxy": "*", "trusted_proxy_count": 1, "trusted_proxy_headers": {"x-forwarded-for"},
        "clear_untrusted_proxy_headers": True,
    }  # fmt: skip


def _end(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt
