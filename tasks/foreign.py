"""A message from elsewhere: `send_task` of another program, in any language. It becomes a row before it is carried out."""

from collections.abc import Mapping
from typing import Any

from ledger.accept import accept
from ledger.session import persist
from operations.errors import InvalidArgumentsError, OperationConflict
from tasks.accepting import raise_conflict
from tasks.draft import Posting, acceptance, draft, local_acceptance, packed, seconds_until
from tasks.platform import platform
from tasks.refused import refuse_later

_GIVE_UP = 600.0  # seconds for which the message, of which there is no other copy, waits for the ledger
_EMBED = ("callbacks", "errbacks", "chain", "chord")
_OF_THE_WORKER = frozenset({
    "args", "kwargs", "hostname", "is_eager", "delivery_info", "properties", "reply_to", "correlation_id", "loglevel",
    "logfile", "utc", *_EMBED,
})  # fmt: skip


def take_in(task: Any, ticket_id: str, args: Any, kwargs: Any, request: Mapping[str, Any]) -> None:
    """Accept a delivered message that is no hint of ours; what is wrong with it becomes a dead letter."""
    bound = getattr(task, "bound_kind", None)
    headers = {name: value for name, value in request.items() if name not in _OF_THE_WORKER}
    embed = {name: request.get(name) for name in _EMBED}
    body = [list(args), dict(kwargs), embed] if bound is None else [[], {}, embed]
    properties = {name: request.get(name) for name in ("reply_to", "correlation_id")}
    posting = Posting(
        ticket_id=ticket_id,
        task=task.name,
        queue=(request.get("delivery_info") or {}).get("routing_key") or task.app.conf.task_default_queue,
        priority=int((request.get("delivery_info") or {}).get("priority") or 0),
        message=packed(task.name, [headers, properties, body]),
        follows=any(embed.values()),
        expires_in=seconds_until(request.get("expires")),
        hint=False,  # it is carried out now
    )
    persist(lambda: _accept(bound, posting, args, kwargs), within=_GIVE_UP)


def _accept(bound: Any, posting: Posting, args: Any, kwargs: Any) -> None:
    ledger = platform().ledger
    if bound is None:
        accept(ledger, [local_acceptance(posting)])
        return
    try:
        item = acceptance(bound, draft(bound, args, kwargs), posting, secret=ledger.secret)
        raise_conflict(item, accept(ledger, [item])[0])
    except (InvalidArgumentsError, OperationConflict) as error:
        refuse_later(bound, posting, args, kwargs, error)
