"""What waits for a thread: in the order of arrival, unless somebody's calls have taken all slots and others wait behind.

A tenant whose provider answers nothing takes every slot within seconds, and keeps it until its calls' deadline; so would the
only provider that is down. So a few threads more than there are slots may begin what is not theirs, and what is theirs and
waits too long is given back, or it would fill all that the worker takes ahead. Alone, somebody may have every slot.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

Lane = tuple[str, str]  # provider and tenant

_RESERVE = 4  # one thread more for so many slots
_LONG = 1.0  # seconds that something waits for a slot before those who take them up give back what waits
_MIXED = 60.0  # seconds: only while work of somebody else came so lately


class Job(Protocol):
    """One delivered message on its way through the pool.

    Attributes:
        task, id, request: what company needs to know.
        lane: whose slot it takes; None for what is of no provider.
        shares: whether it may be begun in company.
        begun: it was admitted and claimed in company, and only waits for its call.
        returns: whether it may be given back: its hint is refused, and comes again.
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
    """

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self.most = slots + -(-slots // _RESERVE)
        self._clock = clock
        self._new: deque[Job] = deque()
        self._kept: deque[tuple[Job, float]] = deque()  # for which there was no slot, and since when
        self._last: Lane | None = None
        self._mixed_at = float("-inf")

    def __len__(self) -> int:
        return len(self._new) + len(self._kept)

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
        self._new.extendleft(reversed(jobs))

    def startable(self, holders: Sequence[Lane | None]) -> int:
        """How many a thread may begin now, if there is one.

        Args:
            holders: whose the jobs are that threads are at.
        """
        if len(holders) < self._slots:
            return len(self)
        now, holding, free = self._clock(), Counter(holders), self.most - len(holders)
        ready = deque(job for job in self._new if holding[job.lane] < free)
        if len(ready) < len(self._new):
            self._kept.extend((job, now) for job in self._new if not holding[job.lane] < free)
            self._new = ready
        return len(ready)

    @property
    def first(self) -> Job | None:
        """Who comes next while there are free slots."""
        if self._kept and not (self._new and self._new[0].begun):
            return self._kept[0][0]
        return self._new[0] if self._new else None

    def take_first(self) -> Job:
        """That one.

        Raises:
            IndexError: nothing waits.
        """
        if self._kept and self.first is self._kept[0][0]:
            return self._kept.popleft()[0]
        return self._new.popleft()

    def take(self, holders: Sequence[Lane | None]) -> Job | None:
        """The next one that a thread may begin, if there is one.

        Args:
            holders: whose the jobs are that other threads are at.
        """
        if len(holders) < self._slots:
            return self.take_first() if len(self) else None
        holding, free = Counter(holders), self.most - len(holders)
        for at, (job, _) in enumerate(self._kept):
            if holding[job.lane] < free:
                del self._kept[at]
                return job
        return self._new.popleft() if self.startable(holders) else None

    def give_back(self, holders: Sequence[Lane | None]) -> list[Job]:
        """Take out what waits in vain behind calls of its own lane; only while others have work here as well.

        For every two of these calls one job stays, or slots that become free would have to wait for hints.

        Args:
            holders: whose the jobs are that threads are at.
        """
        now = self._clock()
        if not self._kept or len(holders) < self._slots or now - self._mixed_at > _MIXED:
            return []
        holding = Counter(holders)
        long = {job.lane for job, since in self._kept if now - since >= _LONG and job.lane in holding}
        staying: Counter[Lane | None] = Counter()
        out, kept = [], deque[tuple[Job, float]]()
        for one in self._kept:
            job, lane = one[0], one[0].lane
            stays = not job.begun and staying[lane] < holding[lane] // 2
            if lane not in long or not job.returns or stays:
                staying[lane] += 1
                kept.append(one)
            else:
                out.append(job)
        self._kept = kept
        return out

    def clear(self) -> list[Job]:
        """Take out all."""
        all_ = [*(job for job, _ in self._kept), *self._new]
        self._kept.clear()
        self._new.clear()
        return all_
