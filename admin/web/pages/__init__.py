"""The pages, one file for each noun; importing one declares its routes."""


def declare() -> None:
    """Declare every route, once."""
    from admin.web.pages import (  # noqa: F401, PLC0415  importing is declaring; the list stands in one place
        access,
        audit,
        edits,
        groups,
        interface,
        letters,
        openid,
        operations,
        overview,
        providers,
        runs,
        several,
        sign_in,
    )
