"""Flower shows and commands the whole fleet, so it is not started without authentication."""

import sys
from typing import Any

import click
from celery.signals import import_modules


@import_modules.connect(weak=False)
def refuse_open_flower(**_: Any) -> None:
    """Celery says that it loads the application's modules; if that is for Flower, its options are known by now.

    Raises:
        SystemExit: nobody would be asked for a password. (What a signal's receiver raises else is logged with a traceback.)
    """
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != "flower":
        return
    options = sys.modules["tornado.options"].options
    if not options.basic_auth and not options.auth:
        click.echo(
            "Error: without authentication everybody who reaches Flower's port could end your workers: "
            "set FLOWER_BASIC_AUTH=user:password, or give --basic-auth or --auth",
            err=True,
        )
        raise SystemExit(1)
