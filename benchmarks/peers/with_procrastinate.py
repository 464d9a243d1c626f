"""The payment as a procrastinate task, whose queue is PostgreSQL too: a coroutine with aiohttp, which serves it best."""

import os
from functools import cache

import aiohttp
import procrastinate

from benchmarks import call

_DATABASE = os.environ["BENCH_DATABASE_URL"]
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=_DATABASE, max_size=16))


@cache
def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=int(os.environ["BENCH_SLOTS"])))


@app.task(name="pay")
async def pay(**fields: object) -> None:
    """Take one payment."""
    async with _session().post(call.URL, data=call.form(fields), headers=call.headers(fields)) as answer:
        answer.raise_for_status()
        call.check(await answer.json())


@cache
def _opened() -> procrastinate.App:
    return app.open()


def send(fields: dict[str, object]) -> None:
    """Enqueue one."""
    _opened()
    pay.defer(**fields)
