"""Is it true? What the caller was told, what the ledger says and what the provider did, joined by a judge of its own."""

from collections import Counter, defaultdict
from hashlib import sha256

from simulation.book import Row
from simulation.gate import AT_ONCE, WINDOW
from simulation.plan import HEALED
from simulation.world import World

from operations.operation import POISON, SUSPECT
from operations.outcome import Effect
from operations.states import State

_TOLD = 12  # replies of one operation that its story names
_CALL = 5.0  # seconds that an answer from before an outage may take to be heard


def violations(world: World) -> list[str]:
    """What is not as promised, a line each; the first word says the sort."""
    found = [f"forbidden move: {move}" for move in world.book.forbidden]
    found += [f"sent again after a doubt: {key} of means X" for key in world.provider.resent_after_doubt]
    found += [f"other bytes under one key: {key}" for key in world.provider.changed]
    found += _of_keys(world)
    found += [f"another tenant's credentials: {key}" for key in world.provider.strangers]
    found += _of_canvas(world) + _of_poison(world) + _of_patience(world)
    for row in world.book.rows:
        found += [f"{what}: {story(world, row)}" for what in _of_row(world, row)]
    return found + _of_limits(world)


def _of_keys(world: World) -> list[str]:
    """By the caller's log: every name has its row, and one effect at most over all its generations."""
    effects: Counter[str] = Counter()
    for key, times in world.provider.effects.items():
        effects[key.partition("#")[0]] += len(times)
    lost = [f"lost: {name} was accepted" for name in world.accepted if name not in world.book.current]
    unasked = [f"unasked: {name} at the provider" for name in effects if name not in world.book.current]
    doubled = [f"doubled: {name}, {count} effects" for name, count in effects.items() if count > 1]
    never = [one.name for one in world.plan.intents if one.name not in world.accepted]
    return lost + unasked + doubled + [f"refused for ever: {name}" for name in never]


def _of_canvas(world: World) -> list[str]:
    """What follows a success is there once, and nothing follows anything else."""
    found, current = [], world.book.current
    count = Counter(row.name.partition(">")[0] for row in world.book.rows if ">" in row.name and not row.generation)
    chords: dict[str, list[bool]] = defaultdict(list)
    for one in world.plan.intents:
        rows = [current[one.name]] if one.name in current else []
        done = any(row.state is State.SUCCEEDED for row in rows if row.generation == 0)
        if one.chain and rows:
            found += _follows(one.name, count[one.name], due=done)
        if one.chord:
            chords[one.chord].append(done)
    for name, members in chords.items():
        found += _follows(name, count[name], due=all(members))
    return found


def _follows(name: str, count: int, *, due: bool) -> list[str]:
    return _named({
        f"what follows is lost: of {name}": due and count == 0,
        f"followed twice: {name}": count > 1,
        f"followed too early: {name}": count > 0 and not due,
    })  # fmt: skip


def _of_poison(world: World) -> list[str]:
    """Who takes processes down is found out, and nobody else is called so."""
    found = [
        f"poison sent on: {name}, {count} processes"
        for name, count in (world.died_of | world.sent_alone).items()
        if world.died_of[name] > SUSPECT or world.sent_alone[name] > 1
    ]
    guilty = {name.partition(" ")[0] for name in world.died_alone if world.died_alone[name]}
    return found + [
        f"an innocent called poison: {story(world, row)}"
        for row in world.book.rows
        if (row.crashes >= POISON or _dead(row, "poison")) and row.ref not in guilty
    ]


def _of_patience(world: World) -> list[str]:
    patience = dict(world.plan.patience)
    return [
        f"delayed by another tenant: {row.ref} of {row.tenant}, {row.ended_at - row.accepted:.0f} s"
        for row in world.book.rows
        if row.tenant in patience and row.ended_at - row.accepted > patience[row.tenant]
    ]


def _of_row(world: World, row: Row) -> list[str]:
    ended = row.state.ended
    return _of_effect(row, len(world.provider.effects.get(row.ref, ()))) + _named({
        "stuck": not ended,
        "proof thrown away": (
            row.ref in world.proven and row.state is not State.SUCCEEDED and row not in world.book.contradictions
        ),
        "dead in an outage": _dead(row, "exhausted") and not (world.plan.weather.trouble or world.plan.weather.crashy),
        "given up though all was well": (
            _dead(row, "deadline") and row.effect is Effect.NONE and row.deadline > HEALED + 60.0
            and world.provider.down_until < HEALED
        ),
        "two ends": any(ends > 1 for ends in row.ends.values()),
        "dead without a letter": row.state is State.DEAD and row.letters.get(row.epoch) != "open",
    })  # fmt: skip


def _of_effect(row: Row, count: int) -> list[str]:
    """What the ledger says, against what stands at the provider."""
    ended = row.state.ended
    return _named(
        {
            "false success": row.state is State.SUCCEEDED and (count != 1 or row.effect is not Effect.DONE),
            "false decline": row.state is State.DECLINED and count > 0,
            "false none": ended and row.effect is Effect.NONE and count > 0,
            "false done": ended and row.effect is Effect.DONE and count == 0,
        }
    )


def _dead(row: Row, reason: str) -> bool:
    return row.state is State.DEAD and row.reason == reason


def _named(rules: dict[str, bool]) -> list[str]:
    return [name for name, broken in rules.items() if broken]


def _of_limits(world: World) -> list[str]:
    found = []
    if (most := busiest(world.provider.arrivals, WINDOW.per)) > WINDOW.calls:
        found.append(f"over the limit: {most} calls in {WINDOW.name}")
    if (most := at_once(world.provider.spans)) > AT_ONCE.calls:
        found.append(f"too many at once: {most} of {AT_ONCE.calls:g}")
    frozen = any(attack.what == "freeze" for attack in world.plan.attacks)  # what is heard then may be old
    found += [
        f"closed in an outage: the breaker, at {at:.2f}"
        for at in (() if frozen else world.gate.closings)
        if any(start + _CALL < at < end for start, end in world.provider.outages)
    ]
    if count := world.figures["probes of means X"]:
        found.append(f"a probe of means X: {count} while others were due")
    if world.gate.most_probes > 1:
        found.append(f"probed at once: {world.gate.most_probes} calls to an open breaker's provider")
    return found


def busiest(arrivals: list[float], per: float) -> int:
    """The most calls in any window, by the provider's clock."""
    times, start, most = sorted(arrivals), 0, 0
    for end, at in enumerate(times):
        while times[start] <= at - per:
            start += 1
        most = max(most, end - start + 1)
    return most


def at_once(spans: list[tuple[float, float]]) -> int:
    """The most calls at one moment."""
    changes: dict[float, int] = defaultdict(int)
    for start, end in spans:
        changes[start] += 1
        changes[end] -= 1
    most = now = 0
    for at in sorted(changes):
        now += changes[at]
        most = max(most, now)
    return most


def story(world: World, row: Row) -> str:
    """One operation, for who looks into it."""
    effects = ", ".join(f"{at:.2f}" for at in world.provider.effects.get(row.ref, ())) or "none"
    last = list(row.replies.values())[-_TOLD:]
    replies = ("…, " if len(row.replies) > _TOLD else "") + ", ".join(f"{fence} {what}" for fence, what in last)
    return (
        f"{row.ref} of means {row.kind.means} is {row.state}/{row.effect}/{row.reason} in epoch {row.epoch}; sent "
        f"{world.provider.sends[row.ref]} times, effects at {effects}; heard: {replies}"
    )


def sort_of(violation: str) -> str:
    """What is wrong, without whom it concerns."""
    return violation.partition(":")[0]


def fingerprint(world: World) -> str:
    """Equal for two runs that went alike in everything."""
    rows = [(row.ref, row.state, row.effect, row.fence, row.epoch, row.reason, row.due) for row in world.book.rows]
    said = repr((rows, world.provider.arrivals, sorted(world.figures.items())))
    return sha256(said.encode()).hexdigest()[:16]
