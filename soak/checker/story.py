"""The story of one operation: all three sources in the order of time."""

from collections.abc import Iterator
from datetime import UTC, datetime

from soak.checker.history import Case
from soak.checker.journal import Request
from soak.checker.ledger import Operation

Line = tuple[float, str, str]  # when, who says it, what


def tell(case: Case) -> str:
    """A few lines for people; the times are UTC."""
    lines = sorted([*_client(case), *_provider(case), *(line for one in case.operations for line in _ledger(one))])
    head = f"{case.who}, means {case.kind.means}, called {case.name} by the client"
    return "\n".join([head, *(f"  {_clock(at)}  {who:<8}  {what}" for at, who, what in lines)])


def _client(case: Case) -> Iterator[Line]:
    for line in case.asked:
        told = line.ticket or line.why
        yield line.at, "client", f"{line.answer} by {line.door}{f': {told}' if told else ''}"


def _provider(case: Case) -> Iterator[Line]:
    for request in case.requests:
        met = f", met {request.met}" if request.met else ", over its limit" if request.limited else ""
        yield request.at, "provider", f"{request.method} {request.path} ({request.seq}){met}: {_answer(request)}"
    for effect in case.effects:
        yield effect.at, "provider", f"did {effect.said}{'' if effect.standing else ', undone later'}"


def _answer(request: Request) -> str:
    return f"no answer ({request.how})" if request.status is None else f"answered {request.status} ({request.how})"


def _ledger(operation: Operation) -> Iterator[Line]:
    yield operation.accepted_at, "ledger", f"operation {operation.id}"
    for attempt in operation.attempts:
        yield attempt["at"], "ledger", f"attempt {attempt['number']} to {attempt['purpose']}, by {attempt['worker']}"
    for reply in operation.replies:
        heard = [str(part) for part in (reply["error_class"], reply["code"], reply["reference"]) if part]
        late = " late" if reply["late"] else ""
        yield (
            reply["at"],
            "ledger",
            f"{reply['number']}{late}: {reply['outcome']}, effect {reply['effect']} {' '.join(heard)}",
        )
    for letter in operation.letters:
        yield letter["at"], "ledger", f"dead letter: {letter['reason']}, effect {letter['effect']}, {letter['status']}"
    if operation.ended_at is not None:
        yield operation.ended_at, "ledger", f"ended {operation.said}"
    else:
        last = max([operation.accepted_at, *(one["at"] for one in (*operation.attempts, *operation.replies))])
        due = [_clock(at) for at in (operation.due_at,) if at] + [_clock(at) for at in (operation.lease_until,) if at]
        yield last, "ledger", f"is still {operation.said}, due and leased until {' and '.join(due) or 'never'}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
