"""Attacks on workers: N1, N2, N5, N16, N17."""

import signal

from soak.attacks.field import FREEZE, Field, Steps
from soak.child import Child

_GROWN = 10.0  # seconds


def kill_child(where: Field) -> Steps:
    """N1: SIGKILL to one forked child of a pool; its worker replaces it.

    A worker whose child is killed as it starts is ended by Celery, for its supervisor to start again: not meant here.
    """
    grown = [worker for worker in where.stage.alive() if worker.age > _GROWN]
    children = [one for worker in grown for one in worker.children()]
    if children:
        chosen = where.rng.choice(children)
        where.pids.append(chosen.pid)
        where.say(f"SIGKILL to the pool's child {chosen.pid}")
        chosen.kill()
    yield 0.0


def kill_worker(where: Field) -> Steps:
    """N2: SIGKILL to a whole worker, sweep included."""
    _kill(where, where.victim())
    yield 0.0


def kill_two(where: Field) -> Steps:
    """N2, two at once."""
    alive = where.stage.alive()
    for worker in where.rng.sample(alive, min(2, len(alive))):
        _kill(where, worker)
    yield 0.0


def freeze(where: Field) -> Steps:
    """N5: SIGSTOP for longer than the lease, then SIGCONT: a zombie that does not know what it has lost."""
    worker = where.victim()
    if worker is None:
        return
    where.say(f"SIGSTOP to {worker.name} for {FREEZE:g} s")
    worker.signal(signal.SIGSTOP)
    try:
        yield FREEZE
    finally:
        worker.signal(signal.SIGCONT)


def starve(where: Field) -> Steps:
    """N16: a worker that gets a tenth of its time."""
    worker = where.victim()
    if worker is None:
        return
    where.say(f"{worker.name} runs for one tenth of the time, for 4 s")
    try:
        for _ in range(8):
            worker.signal(signal.SIGSTOP)
            yield 0.45
            worker.signal(signal.SIGCONT)
            yield 0.05
    finally:
        worker.signal(signal.SIGCONT)


def roll(where: Field) -> Steps:
    """N17: every worker ends warmly and is started again, one after another."""
    where.say("rolling restart")
    for worker in where.stage.alive():
        worker.ask_to_end()
        where.stage.expect_back(worker.name, 0.5)
        yield 3.0


def _kill(where: Field, worker: Child | None) -> None:
    if worker is None:
        return
    where.pids.append(worker.pid)
    where.say(f"SIGKILL to {worker.name} (pid {worker.pid})")
    where.stage.expect_back(worker.name, where.rng.uniform(0.5, 4.0))
    worker.signal(signal.SIGKILL)
