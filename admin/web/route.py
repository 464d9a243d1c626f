"""How a page or an order is declared: one function, which serves browsers under its path and programs under /api/v1.

A function that reads returns a value, shown by its template or as JSON. A function that changes something takes a model of
what was sent, and returns what was done. Whatever needs no sign-in says so by `needs=None`; there is no default.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from admin.access.person import Role

F = TypeVar("F", bound=Callable[..., Any])
Method = Literal["GET", "POST"]


class Taken(BaseModel):
    """What a form, a query or a JSON body may hold: unknown names are refused, and what is left empty is not given."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Reason(Taken):
    """Every change says why; the audit keeps it."""

    because: str = Field(min_length=1, max_length=1000, description="Why; the audit keeps it with your name.")


@dataclass(frozen=True, slots=True)
class Done:
    """What an order came to.

    Attributes:
        said: one sentence for people.
        to: the page to go on with.
        value: for programs.
        kind: how it looks to people: `done`, or `hint` where it was taken and came to nothing.
        once: a template that shows the value, now and never again; for secrets that were just made.
    """

    said: str
    to: str
    value: Any = None
    once: str = ""
    kind: Literal["done", "hint"] = "done"


@dataclass(frozen=True, slots=True)
class Route:
    """One page or order.

    Attributes:
        name: of its function; endpoints are `page.<name>` and `api.<name>`.
        rule: its path.
        needs: the role that it asks for; None lets everybody in.
        everywhere: it concerns all tenants at once, so whoever is limited to some may not use it.
        template: of its page; empty where it only changes something.
        takes: the model of what is sent.
        gives: the type of what a reading function returns.
        again: the page that is shown with what was typed, where a form was refused; else it leads back to an empty one.
    """

    name: str
    method: Method
    rule: str
    needs: Role | None
    everywhere: bool
    view: Callable[..., Any]
    template: str
    takes: type[Taken] | None
    gives: Any
    page: bool
    api: bool
    again: str = ""

    @property
    def parts(self) -> list[str]:
        """The names in its path."""
        return re.findall(r"<(?:\w+:)?(\w+)>", self.rule)


ROUTES: list[Route] = []


def read(
    rule: str, template: str, *, needs: Role | None, everywhere: bool = False, api: bool = True
) -> Callable[[F], F]:
    """A page; `api` says whether programs may read it too."""

    def declared(view: F) -> F:
        _add(view, "GET", rule, needs, everywhere=everywhere, template=template, api=api)
        return view

    return declared


def order(
    rule: str, *, needs: Role | None, everywhere: bool = False, api: bool = True, again: str = ""
) -> Callable[[F], F]:
    """An order: it changes something, and returns `Done`."""

    def declared(view: F) -> F:
        _add(view, "POST", rule, needs, everywhere=everywhere, template="", api=api, again=again)
        return view

    return declared


def _add(
    view: Callable[..., Any], method: Method, rule: str, needs: Role | None, *, everywhere: bool, template: str, api: bool,
    again: str = "",
) -> None:  # fmt: skip
    hints = get_type_hints(view)
    ROUTES.append(
        Route(
            name=view.__name__, method=method, rule=rule, needs=needs, everywhere=everywhere, view=view,
            template=template, takes=hints.get("given"), gives=_value(hints.get("return")), page=True, api=api,
            again=again,
        )
    )  # fmt: skip


def _value(gives: Any) -> Any:
    """Of what a function may return, the value; some may also answer browsers by leading them elsewhere."""
    parts = [part for part in get_args(gives) if part is not Response] if isinstance(gives, UnionType) else []
    return parts[0] if parts else gives
