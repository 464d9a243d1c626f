"""Lists and searches: newest first, a page at a time; a search sees what is older than its lag."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

from sandbox.journal import Json
from sandbox.provider import Call, Done, RefusedError, Work
from sandbox.stripe import checks
from sandbox.stripe.context import Context
from sandbox.stripe.errors import INVALID, missing, problem
from sandbox.stripe.form import decoded
from sandbox.stripe.objects import Kept
from sandbox.stripe.shapes import shown
from sandbox.wire.answer import in_json

PAGE, LARGEST_PAGE = 10, 100
FAR_FUTURE = 2**40
BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda made, bound: made > bound,
    "gte": lambda made, bound: made >= bound,
    "lt": lambda made, bound: made < bound,
    "lte": lambda made, bound: made <= bound,
}
COMMON = frozenset({"created", "limit", "starting_after"})
CLAUSE = re.compile(r"""\s*(\w+)(?:\[(["'])(.+?)\2\])?\s*:\s*(["'])(.*?)\4\s*(?:(?:AND|and)\b|$)""")
SEARCHED = frozenset({"metadata", "customer", "status", "currency", "email", "name"})


class Row(Protocol):
    """Anything that a list can hold."""

    @property
    def id(self) -> str:
        """Its name, by which the next page is asked for."""


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted."""

    limit: int
    after: str | None
    created: dict[str, int]

    def holds(self, made_at: float) -> bool:
        """Whether something made then is within the bounds of the list."""
        return all(BOUNDS[name](int(made_at), bound) for name, bound in self.created.items())

    def past(self, made_at: float) -> bool:
        """Whether nothing older than this can be within the bounds; spares the list its whole past."""
        return int(made_at) < max((self.created.get(name, 0) for name in ("gt", "gte")), default=0)


class Lists:
    """The endpoints that list and search."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def listing(self, kind: str, noun: str, filters: frozenset[str]) -> Callable[[Call], Work]:
        """Return the endpoint that lists a kind of object."""

        def endpoint(call: Call) -> Work:
            params = decoded(call.request.query)
            checks.known(call, params, COMMON | filters)
            words = {name: str(params[name]) for name in filters if params.get(name)}
            return partial(self._listed, call, noun, page_of(call, params), (kind, words))

        return endpoint

    def search(self, kind: str) -> Callable[[Call], Work]:
        """Return the endpoint that searches a kind of object."""

        def endpoint(call: Call) -> Work:
            params = decoded(call.request.query)
            checks.known(call, params, frozenset({"query", "limit", "page"}))
            checks.needed(call, params, "query")
            return partial(self._searched, call, kind, _words(call, str(params["query"])), page_of(call, params))

        return endpoint

    def _listed(self, call: Call, noun: str, page: Page, wanted: tuple[str, dict[str, str]]) -> Done:
        kind, words = wanted
        if page.after and self._context.shelf.get(page.after) is None:
            return Done(missing(call, noun, page.after, param="starting_after", status=400))
        kept = self._within(call, page, self._context.shelf.newest((call.account, kind), words))
        rows, more = cut(kept, page)
        body = {"object": "list", "url": call.request.path, "has_more": more, "data": [shown(row) for row in rows]}
        return Done(in_json(200, body))

    def _searched(self, call: Call, kind: str, words: dict[str, str], page: Page) -> Done:
        lag = max(call.blind, self._context.settings.search_lag)
        now = self._context.clock.wall()
        found = self._context.shelf.newest((call.account, kind), words)
        rows, more = cut((kept for kept in found if now - kept.made_at >= lag), page)
        following = rows[-1].id if more else None
        body = {"object": "search_result", "url": call.request.path, "has_more": more, "next_page": following}
        return Done(in_json(200, body | {"data": [shown(row) for row in rows]}))

    def _within(self, call: Call, page: Page, kept: Iterator[Kept]) -> Iterator[Kept]:
        now = self._context.clock.wall()
        for row in kept:
            if page.past(row.made_at):
                return
            if page.holds(row.made_at) and now - row.made_at >= call.blind:
                yield row


def cut(rows: Iterator[R], page: Page) -> tuple[list[R], bool]:
    """Return one page of the rows, and whether more follow."""
    if page.after:
        for row in rows:
            if row.id == page.after:
                break
    part = list(islice(rows, page.limit + 1))
    return part[: page.limit], len(part) > page.limit


def page_of(call: Call, params: Json) -> Page:
    """Return which part of a list the parameters ask for."""
    limit = checks.whole(call, params, "limit") or PAGE
    created = params.get("created", {})
    bounds = {"gte": created, "lte": created} if isinstance(created, str) else created
    numbers = {name: checks.whole(call, bounds, name, most=FAR_FUTURE) or 0 for name in bounds if name in BOUNDS}
    after = checks.text(call, params, "starting_after") or checks.text(call, params, "page")
    return Page(min(limit, LARGEST_PAGE), after, numbers)


def _words(call: Call, query: str) -> dict[str, str]:
    words, place = {}, 0
    while place < len(query):
        match = CLAUSE.match(query, place)
        if match is None or match[1] not in SEARCHED:
            raise RefusedError(problem(call, 400, INVALID, f"The search query is not understood: {query}"))
        words[f"metadata.{match[3]}" if match[3] else match[1]] = match[5]
        place = match.end()
    return words
