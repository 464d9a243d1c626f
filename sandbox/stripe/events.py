"""Stripe's events: what happened, with the idempotency key of the request that made it happen."""

from collections.abc import Iterator
from functools import partial

from sandbox.journal import Json
from sandbox.provider import Call, Done, Work
from sandbox.stripe import checks
from sandbox.stripe.context import Context
from sandbox.stripe.errors import missing
from sandbox.stripe.form import decoded
from sandbox.stripe.lists import COMMON, Page, cut, page_of
from sandbox.stripe.shapes import VERSION, shown
from sandbox.stripe.shelf import News
from sandbox.wire.answer import in_json


class Events:
    """The endpoints under `/v1/events`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def listing(self, call: Call) -> Work:
        """List events, newest first, of one type or several."""
        params = decoded(call.request.query)
        checks.known(call, params, COMMON | {"type", "types", "delivery_success"})
        one, several = checks.text(call, params, "type"), params.get("types")
        types = frozenset(several) if isinstance(several, list) else frozenset([one] if one else [])
        return partial(self._listed, call, types, page_of(call, params))

    def retrieve(self, call: Call) -> Work:
        """Show one event."""

        def work() -> Done:
            for news in self._context.shelf.news(call.account):
                if news.id == call.names["id"]:
                    return Done(in_json(200, _shown(news)))
            return Done(missing(call, "event", call.names["id"], param="id"))

        return work

    def _listed(self, call: Call, types: frozenset[str], page: Page) -> Done:
        rows, more = cut(self._wanted(call, types, page), page)
        body = {"object": "list", "url": call.request.path, "has_more": more, "data": [_shown(row) for row in rows]}
        return Done(in_json(200, body))

    def _wanted(self, call: Call, types: frozenset[str], page: Page) -> Iterator[News]:
        now = self._context.clock.wall()
        for news in self._context.shelf.news(call.account):
            if page.past(news.made_at):
                return
            if (not types or news.type in types) and page.holds(news.made_at) and now - news.made_at >= call.blind:
                yield news


def _shown(news: News) -> Json:
    return {
        "id": news.id,
        "object": "event",
        "api_version": VERSION,
        "created": int(news.made_at),
        "data": {"object": shown(news.kept)},
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": news.request_id, "idempotency_key": news.key},
        "type": news.type,
    }
