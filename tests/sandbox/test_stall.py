"""A sandbox that stood still says since when, for what it reads then had come before."""

import os
import signal
import time

from .running import Box, raw_request, until

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
