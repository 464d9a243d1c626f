"""Shows a snapshot: a table that stays in place on a terminal, a plain line every few seconds elsewhere."""

import time
from collections import deque
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.snapshot import Gate, Snapshot

_EVERY = 5.0  # seconds between two plain lines
_NEWS = 6  # events that stay in sight
_KEYS = (
    "keys: k kill a worker · z freeze one, t thaw it · f flush Valkey · b break a provider · p crash PostgreSQL · q end   "
    "(or: make chaos)"
)


@dataclass(frozen=True)
class Scene:
    """What is shown besides the snapshot."""

    accepted: int
    maybe: int
    workers: int
    kills: int
    flushes: int
    restarts: int
    seconds: float


class Screen:
    """The terminal.

    Args:
        console: where to.
        keys: whether keys are listened to.
    """

    def __init__(self, console: Console, *, keys: bool) -> None:
        self._console = console
        self._keys = keys
        self._news: deque[str] = deque(maxlen=_NEWS)
        self._live: Live | None = None
        self._next = 0.0

    def begin(self) -> None:
        """Start to draw."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, screen=False)
            self._live.start()

    def end(self) -> None:
        """Leave the last picture standing."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, line: str) -> None:
        """Something happened."""
        if self._live is None:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            self._news.append(f"{time.strftime('%H:%M:%S')}  {line}")

    def show(self, snapshot: Snapshot, scene: Scene) -> None:
        """Draw, or from time to time print a line."""
        if self._live is not None:
            self._live.update(self._picture(snapshot, scene), refresh=True)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            self._console.print(line(snapshot, scene), highlight=False, markup=False, soft_wrap=True)

    def _picture(self, snapshot: Snapshot, scene: Scene) -> Group:
        parts: list[Table | Text] = [_states(snapshot), _gates(snapshot), Text(_summary(snapshot, scene))]
        if snapshot.dead:
            parts.append(Text("dead letters: " + _listed(snapshot.dead)))
        parts.extend(Text(news, style="yellow") for news in self._news)
        if self._keys:
            parts.append(Text(_KEYS, style="dim"))
        return Group(*parts)


def line(snapshot: Snapshot, scene: Scene) -> str:
    """All of it in one line."""
    states = _listed({_named(state, why): count for (state, why), count in snapshot.states.items()})
    gates = " · ".join(
        f"{name} {gate.rate:.0f}/s breaker {gate.breaker}{_held(gate)}" for name, gate in snapshot.gates.items()
    )
    return f"{scene.seconds:5.0f} s  {states}\n         {gates}\n         {_summary(snapshot, scene)}"


def _summary(snapshot: Snapshot, scene: Scene) -> str:
    away = f"  {snapshot.away} IS AWAY, figures are the last known" if snapshot.away else ""
    return (
        f"accepted {scene.accepted}, maybe {scene.maybe} · effects {snapshot.effects}, doubled {snapshot.doubled} · hit by "
        f"a fault {snapshot.hit} · sent again {snapshot.resent}, asked first {snapshot.inquiries} · dead letters "
        f"{sum(snapshot.dead.values())} · workers alive {scene.workers}, killed {scene.kills} · flushed {scene.flushes} · "
        f"PostgreSQL restarted {scene.restarts}{away}"
    )


def _states(snapshot: Snapshot) -> Table:
    table = Table(title="operations by state", title_justify="left", expand=False)
    for state, why in snapshot.states:
        table.add_column(_named(state, why), justify="right")
    table.add_row(*(str(count) for count in snapshot.states.values()))
    return table


def _gates(snapshot: Snapshot) -> Table:
    table = Table("provider", "calls/s", "breaker", "tightest limit", "lanes held")
    for name, gate in snapshot.gates.items():
        room = "none" if gate.room is None else f"{gate.room} more this second"
        table.add_row(name, f"{gate.rate:.1f}", gate.breaker, room, _listed(gate.held) or "none")
    return table


def _named(state: str, why: str) -> str:
    return f"{state}/{why}" if why else state


def _held(gate: Gate) -> str:
    return f" ({_listed(gate.held)} held)" if gate.held else ""


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
