"""What waitress answers by itself, to what is no HTTP or too much of it, carries our headers too."""

from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, MultiSocketServer
from waitress.task import ErrorTask

from admin.web.headers import carried


def carry_headers(server: BaseWSGIServer | MultiSocketServer, *, secure: bool) -> None:
    """Let a server's own refusals carry the headers of every other answer.

    Args:
        server: that does not serve yet.
        secure: whether browsers reach it over TLS.
    """

    class Refusal(ErrorTask):
        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts)
            self.response_headers = list(carried(secure=secure).items())

    class Channel(HTTPChannel):
        error_task_class = Refusal

    assert isinstance(server, BaseWSGIServer), "one socket, one server"
    server.channel_class = Channel
