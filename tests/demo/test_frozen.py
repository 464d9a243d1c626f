"""A worker that is stopped and goes on later, as `make chaos WHAT=freeze` does it."""

import random
import subprocess
import sys

import psutil
from given.deployment import eventually

from demo import chaos
from demo.home import Known, Running


def test_a_worker_is_stopped_where_it_is_and_goes_on() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        seen = psutil.Process(process.pid)
        demo = Running(process.pid, "", True, "", [Known.now("worker-1", process.pid)])
        assert "SIGSTOP" in chaos.freeze(demo, random.Random(1))
        eventually(lambda: seen.status() == psutil.STATUS_STOPPED)
        assert "SIGCONT" in chaos.thaw(demo, random.Random(1))
        eventually(lambda: seen.status() != psutil.STATUS_STOPPED)
        process.kill()


def test_where_no_worker_is_alive_nothing_is_frozen() -> None:
    gone = Known("worker-1", 2**22 + 1, 0.0)
    assert "no worker is alive" in chaos.freeze(Running(1, "", True, "", [gone]), random.Random(1))
