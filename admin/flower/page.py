"""The page of dead letters in Flower: open groups, each a link into the admin. It changes nothing.

Flower has no way in for pages of others, so this uses what it reads at its start: the list of its handlers and the loader of
its templates. Where a later Flower draws its navigation otherwise, the page is still there, without a tab.
"""

import asyncio
import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from flower import urls
from flower.views import BaseHandler
from tornado import template, web

from config.settings import Settings
from ledger import groups
from ledger.groups import Group, Wanted
from ledger.session import LOST, Ledger, open_ledger

_HERE = Path(__file__).parent
_END_OF_TABS = "</ul>"
_TAB = """
        <li class="nav-item">
          <a class="nav-link{% if active_tab == 'deadletters' %} active{% end %}"
            href="{{ reverse_url('deadletters') }}"
            {% if active_tab == 'deadletters' %}aria-current="page"{% end %}>Dead letters</a>
        </li>
      """
_MOST = 100  # groups on the page; the admin has them all

_log = logging.getLogger(__name__)


def install() -> None:
    """Add the page and its tab to a Flower that has not begun yet; doing it twice changes nothing."""
    if isinstance(urls.settings.get("template_loader"), _Overlay):
        return
    urls.handlers.insert(
        -1, web.url(r"/deadletters", DeadLetters, name="deadletters")
    )  # the last one takes all the rest
    urls.settings["template_loader"] = _Overlay(urls.settings["template_path"])


class _Source:
    """The ledger as Flower's process sees it: two connections, made when somebody looks."""

    @cached_property
    def settings(self) -> Settings:
        return Settings.from_environment()

    @cached_property
    def ledger(self) -> Ledger:
        return open_ledger(self.settings, connections=2, one_plan=False)

    def read(self) -> list[Group]:
        """The groups that wait for a person, the latest first.

        Raises:
            psycopg.Error: the ledger cannot be read.
        """
        groups.fold(self.ledger)
        with self.ledger.connection() as connection:
            return groups.listed(connection, Wanted(limit=_MOST))


_source = _Source()


class DeadLetters(BaseHandler):  # type: ignore[misc]  # Flower ships no types
    """The page."""

    @web.authenticated
    async def get(self) -> None:
        """Show the open groups; what reads the ledger keeps Flower's own loop free."""
        options = self.application.options
        if not (options.basic_auth or options.auth):
            raise web.HTTPError(403, "Flower shows no dead letters without authentication: set FLOWER_BASIC_AUTH")
        trouble, found = "", []
        try:
            found = await asyncio.get_running_loop().run_in_executor(None, _source.read)
        except (*LOST, psycopg.Error) as error:
            _log.warning("the ledger cannot be read: %s", error)
            trouble = "The ledger cannot be read right now; Flower's log says why."
        admin = _source.settings.admin_url.rstrip("/")
        self.render("deadletters.html", groups=found, admin=admin, trouble=trouble, most=_MOST)


class _Overlay(template.Loader):
    """Flower's templates with ours beside them, and one more tab in its navigation."""

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """Flower's own lie beside each other, and so do names."""
        del parent_path
        return name

    def _create_template(self, name: str) -> Any:
        own = _HERE / name
        text = (own if own.exists() else Path(self.root, name)).read_text()
        if name == "navbar.html" and _END_OF_TABS in text:
            text = text.replace(_END_OF_TABS, f"{_TAB}{_END_OF_TABS}", 1)
        return template.Template(text, name=name, loader=self)
