"""The headers that every answer carries, whoever made it, an error included."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.headers import Headers

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    # With no-referrer a browser would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_A_YEAR = "max-age=31536000; includeSubDomains"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def carried(*, secure: bool) -> dict[str, str]:
    """What an answer carries.

    Args:
        secure: whether browsers reach it over TLS, and shall never do otherwise.
    """
    return HEADERS | ({"Strict-Transport-Security": _A_YEAR} if secure else {})


def guarded(application: Application, *, secure: bool) -> Application:
    """The application, with these headers on everything that it answers.

    Args:
        application: a WSGI application.
        secure: whether browsers reach it over TLS, and shall never do otherwise.
    """
    more = carried(secure=secure)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        def begin(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            whole = Headers(headers)
            for name, value in more.items():
                whole[name] = value
            return start(status, headers, error)

        return application(environ, begin)

    return answer
