"""The figures of docs/proof.md, from a run's history and its log of attacks."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from soak.checker.effects import refused
from soak.checker.history import Case, History
from soak.checker.journal import Request
from soak.checker.ledger import Operation
from soak.checker.limited import fullest

Figures = dict[str, Any]
_GOOD = range(200, 300)


def figures(history: History, attacks: Sequence[dict[str, Any]], violations: Counter[str]) -> Figures:
    """All of them.

    Args:
        history: of the run.
        attacks: its log of attacks.
        violations: how many of each sort were found.
    """
    cases = len(history.cases)
    return {
        "operations": cases,
        "accepted": sum(case.accepted for case in history.cases),
        "unsure": sum(line.answer == "unsure" for case in history.cases for line in case.asked),
        "violations": dict(violations),
        "bound": bound(cases) if not violations else None,
        "ends": dict(Counter(f"{case.kind.means} {_end(case)}" for case in history.cases)),
        "letters": dict(Counter(f"{case.kind.means} {one.effect} {one.reason}" for case, one in _dead(history.cases))),
        "doubts": _doubts(history.cases),
        "unknown": _unknown(history.cases),
        "sends": _sends(history.cases),
        "limits": [
            {"limit": one.limit.said, "lane": one.lane, "most": one.most, "of": one.limit.calls}
            for one in fullest(history)
        ],
        "standstills": spread(_standstills(history)),
        "refused_by_limit": _share(history.journal.requests, lambda request: request.limited),
        "faults": dict(Counter(request.met for request in history.journal.requests if request.met)),
        "attacks": dict(Counter(f"{one['id']} {one['name']}" for one in attacks if one["said"] == "over")),
        "recovery": recovery(history, attacks),
        "retaken": retaken(history, attacks),
        "breaker": dict(Counter(f"{move['provider']} {move['after']}" for move in history.dump.breaker)),
    }


def bound(cases: int) -> str:
    """What no violation among so many says."""
    return f"at most {3 / cases:.1e} with 95 % confidence (3/n, n = {cases})" if cases else "nothing: there were none"


def recovery(history: History, attacks: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """R5: seconds from the end of each attack until the next operation was ended by an answer, by attack."""
    ended = sorted(
        reply["at"] for case in history.cases for one in case.operations for reply in one.replies
        if reply["outcome"] in {"succeeded", "present", "declined"}
    )  # fmt: skip
    found: dict[str, list[float]] = defaultdict(list)
    for attack in attacks:
        place = bisect_left(ended, attack["at"])
        if attack["said"] == "over" and place < len(ended):
            found[f"{attack['id']} {attack['name']}"].append(ended[place] - attack["at"])
    return {name: spread(times) for name, times in sorted(found.items())}


def retaken(history: History, attacks: Sequence[dict[str, Any]]) -> dict[str, float]:
    """R5: seconds from a kill until what the killed process held was taken back.

    A claim may be made after the kill of who asked for it, where PostgreSQL was slow to carry it out.
    """
    killed = {pid: attack["at"] for attack in attacks for pid in attack.get("pids", ())}
    times = []
    for case in history.cases:
        for operation in case.operations:
            lost = {reply["number"]: reply["at"] for reply in operation.replies if reply["outcome"] == "lost"}
            for attempt in operation.attempts:
                at = next((when for pid, when in killed.items() if f"{pid}" in _pids(attempt["worker"])), None)
                if at is not None and at <= lost.get(attempt["number"], 0.0):
                    times.append(lost[attempt["number"]] - at)
    return spread(times)


def spread(times: Sequence[float]) -> dict[str, float]:
    """How many, the middle one, the 99th in a hundred and the longest."""
    ordered = sorted(times)
    if not ordered:
        return {"n": 0}
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)]
    return {"n": len(ordered), "p50": round(at[0], 2), "p99": round(at[1], 2), "max": round(ordered[-1], 2)}


def _standstills(history: History) -> list[float]:
    """Seconds of each; what follows of one in the journal is the reading of what had come meanwhile."""
    found: dict[float, float] = {}
    for stall in history.journal.stalls:
        found.setdefault(stall.since, stall.until - stall.since)
    return list(found.values())


def _dead(cases: Iterable[Case]) -> Iterator[tuple[Case, Operation]]:
    """What became a person's turn."""
    for case in cases:
        if case.operation is not None and case.operation.state == "dead":
            yield case, case.operation


def _doubts(cases: Iterable[Case]) -> dict[str, int]:
    """Sends of each means whose answer left a doubt: the cases in which something could go wrong."""
    found: Counter[str] = Counter()
    for case in cases:
        found[case.kind.means] += sum(_doubtful(request) for request in case.writes)
    return dict(found)


def _doubtful(request: Request) -> bool:
    heard = request.how == "sent" and request.status in _GOOD and not request.fault
    return not heard and not refused(request)


def _unknown(cases: Sequence[Case]) -> dict[str, float]:
    """R3: the share of each means that ended with effect unknown."""
    found = {}
    for means in sorted({case.kind.means for case in cases}):
        mine = [case for case in cases if case.kind.means == means]
        found[means] = round(sum(_end(case) == "dead/unknown" for case in mine) / len(mine), 4)
    return found


def _sends(cases: Sequence[Case]) -> dict[str, Any]:
    """R8: sends per operation."""
    counts = Counter(len(case.writes) for case in cases)
    total = sum(number * count for number, count in counts.items())
    return {
        "mean": round(total / max(1, len(cases)), 3),
        "most": max(counts, default=0),
        "of": dict(sorted(counts.items())),
    }


def _share(requests: Sequence[Request], wanted: Any) -> float:
    return round(sum(map(bool, map(wanted, requests))) / max(1, len(requests)), 5)


def _pids(worker: str) -> set[str]:
    """Process ids in a worker's name, `host:pid:token/pid/thread`."""
    return set(worker.replace("/", ":").split(":"))


def _end(case: Case) -> str:
    return "not there" if case.operation is None else case.operation.end
