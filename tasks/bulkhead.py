"""What waits for a thread: in the order of arrival, unless somebody's calls have taken all slots and others wait behind.

A tenant whose provider answers nothing takes every slot within seconds, and keeps it until its calls' deadline; so would a
provider that hangs for all. So a few threads more than there are slots may begin what is not theirs, and what has waited for
a second is given back, or it would fill all that the worker takes ahead. While slots are free nothing of this is in force.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

Lane = tuple[str, str]  # provider and tenant

_RESERVE = 4  # one thread more for so many slots
_LONG = 1.0  # seconds for which something may wait while all slots are taken
_MIXED = 60.0  # seconds since work of somebody else came, after which whoever is here is alone
_BESIDE_OTHERS, _ALONE = 8, 1  # times the slots that may be given back in a second; each is hinted at again


class Job(Protocol):
    """One delivered message on its way through the pool.

    Attributes:
        task, id, request: what company needs to know.
        lane: whose call it makes; None for what is no call to a provider.
        shares: whether it may be begun in company.
        begun: it was asked for in company; what came of it, `tasks.company.take` says to who carries it out.
        returns: whether it may be given back: a row stands behind it, which is hinted at again.
    """

    task: Any
    id: str
    request: Mapping[str, Any]
    lane: Lane | None
    shares: bool
    begun: bool
    returns: bool

    def run(self) -> None:
        """Carry it out; whatever is raised, the slot goes on."""


class Bulkhead:
    """The jobs that wait; the caller holds a lock.

    Args:
        slots: threads that may be at work whatever they do.
        clock: seconds.

    Attributes:
        most: threads in all.
    """

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self.most = slots + -(-slots // _RESERVE)
        self._clock = clock
        self._new: deque[Job] = deque()
        self._kept: deque[tuple[Job, float]] = deque()  # before the new ones: looked at and not begun, since when
        self._last: Lane | None = None
        self._mixed_at = float("-inf")
        self._given_at, self._allowance = clock(), 0.0

    def __len__(self) -> int:
        return len(self._kept) + len(self._new)

    @property
    def new(self) -> int:
        """How many nobody has looked at."""
        return len(self._new)

    @property
    def first(self) -> Job | None:
        """Who comes next while there are free slots."""
        return self._kept[0][0] if self._kept else self._new[0] if self._new else None

    def put(self, jobs: Sequence[Job]) -> None:
        """They come last."""
        for job in jobs:
            if job.lane is not None:
                if self._last not in {None, job.lane}:
                    self._mixed_at = self._clock()
                self._last = job.lane
        self._new.extend(jobs)

    def put_first(self, jobs: Sequence[Job]) -> None:
        """They were taken, and come before all others."""
        now = self._clock()
        self._kept.extendleft((job, now) for job in reversed(jobs))

    def put_aside(self, holders: Sequence[Lane | None]) -> int:
        """Put aside what came and may not begin now; how many of what waits may, the ones put aside earlier not counted.

        Args:
            holders: whose the jobs are that threads are at.
        """
        if len(holders) < self._slots:
            return len(self)
        now, room = self._clock(), _Room(holders, self._slots, self.most)
        ready: deque[Job] = deque()
        for job in self._new:
            if room.for_(job):
                ready.append(job)
            else:
                self._kept.append((job, now))
        self._new = ready
        return len(ready)

    def take(self, holders: Sequence[Lane | None]) -> Job | None:
        """The next one that a thread may begin, if there is one.

        Args:
            holders: whose the jobs are that other threads are at.
        """
        if len(holders) < self._slots:
            return self.take_first() if len(self) else None
        room = _Room(holders, self._slots, self.most)
        for at, (job, _) in enumerate(self._kept):
            if room.for_(job):
                del self._kept[at]
                return job
        return self._new.popleft() if self.put_aside(holders) else None

    def take_first(self) -> Job:
        """Who comes next while there are free slots.

        Raises:
            IndexError: nothing waits.
        """
        return self._kept.popleft()[0] if self._kept else self._new.popleft()

    def give_back(self, holders: Sequence[Lane | None]) -> list[Job]:
        """Take out what has waited for long while all slots are taken.

        For every two calls of a lane one job of it stays, and half as many as slots in all, for the slots that become free
        next; of a pool with fewer than four slots all stay. What was claimed goes before what was not.

        Args:
            holders: whose the jobs are that threads are at.
        """
        now = self._clock()
        if len(holders) < self._slots or self._slots < _RESERVE or not self._kept or now - self._kept[0][1] < _LONG:
            return []
        if (left := self._refilled(now)) < self._slots / _RESERVE:  # some at a time
            return []
        holding, staying = Counter(holders), Counter[Lane | None]()
        out: list[Job] = []
        kept: deque[tuple[Job, float]] = deque()
        for job, since in self._kept:
            may_stay = not job.begun and staying.total() < self._slots // 2
            stays = may_stay and staying[job.lane] < -(-holding[job.lane] // 2)
            if job.returns and not stays and now - since >= _LONG and len(out) < left:
                out.append(job)
            else:
                staying[job.lane] += job.returns
                kept.append((job, since))
        self._kept, self._allowance = kept, left - len(out)
        return out

    def _refilled(self, now: float) -> float:
        """How many may be given back now: more where others have work here, for theirs may lie behind."""
        each = self._slots * (_BESIDE_OTHERS if now - self._mixed_at < _MIXED else _ALONE)
        passed, self._given_at = now - self._given_at, now
        self._allowance = min(float(each), self._allowance + passed * each)
        return self._allowance

    def clear(self) -> list[Job]:
        """Take out all."""
        all_ = [*(job for job, _ in self._kept), *self._new]
        self._kept.clear()
        self._new.clear()
        return all_


class _Room:
    """Who may begin while all slots are taken."""

    def __init__(self, holders: Sequence[Lane | None], slots: int, most: int) -> None:
        self._lanes = Counter(holders)
        self._providers = Counter(lane[0] for lane in holders if lane is not None)
        self._free = most - len(holders)
        self._last = (most - slots) // 2

    def for_(self, job: Job) -> bool:
        """Whether its lane has fewer calls under way than threads are left; for the last half of them, its provider too."""
        if job.lane is None or self._lanes[job.lane] >= self._free:
            return False
        return self._free > self._last or self._providers[job.lane[0]] < self._free
