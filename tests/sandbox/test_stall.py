"""A sandbox that stood still says since when, for what it reads then had come before."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

from sandbox import pulse
from sandbox.clock import Clock
from sandbox.journal import Journal

from .running import NO_ANSWER, Box, raw_request, until

STILL = 0.5  # seconds


def test_what_came_while_it_stood_still_is_read_within_a_stall(own: Box) -> None:
    pid = own.events("started")[0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)
    with own.connect("plain") as sock:
        sock.sendall(raw_request("POST", "/pings"))
        sent = time.monotonic()
        until(lambda: time.monotonic() > sent + STILL)
        os.kill(pid, signal.SIGCONT)
        read = until(lambda: own.events("request", provider="plain"))[0]["mono"]
    held = until(lambda: [one for one in own.events("stalled") if one["since"] < read <= one["until"]])[0]
    assert held["since"] < sent
    assert held["until"] - held["since"] > STILL


def test_one_that_goes_on_says_nothing(own: Box) -> None:
    """What it was late by for the machine's sake is written as well, so only that nothing is invented can be said."""
    began = time.monotonic()
    until(lambda: time.monotonic() > began + STILL)
    own.pay("order:1:payment")
    for one in own.events("stalled"):
        assert one["until"] - one["since"] > 0.1


def test_one_that_stops_between_its_first_port_and_its_first_beat_stood_still_as_well(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with contextlib.closing(Journal(path, clock=Clock())) as journal:
        born = journal.clock.mono() - STILL
        with contextlib.suppress(TimeoutError):
            asyncio.run(asyncio.wait_for(pulse.keep(journal, born=born), NO_ANSWER))
        first = journal.read(1)
    assert (first["event"], first["since"]) == (pulse.STALLED, born)
    assert first["until"] - born > STILL
