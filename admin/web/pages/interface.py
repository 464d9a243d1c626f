"""The description of the JSON interface, for people who are signed in and for programs."""

from functools import lru_cache

from admin.access.person import Role
from admin.web.openapi import document
from admin.web.place import Place
from admin.web.route import ROUTES, read


@read("/openapi.json", "", needs=Role.VIEWER)
def openapi(place: Place) -> dict[str, object]:
    """The OpenAPI document of this interface."""
    return _made(place.origin)


@lru_cache(maxsize=1)
def _made(origin: str) -> dict[str, object]:
    """Once: all routes are declared before the first is asked for."""
    return document(ROUTES, origin)
