"""Turn what a caller gave into something that the ledger can accept, or say what is wrong with it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from kombu.exceptions import EncodeError
from kombu.utils import json as kombu_json
from pydantic import BaseModel, ValidationError

from config.settings import TENANT
from integrations.registry import BoundKind
from ledger.accept import Acceptance
from ledger.lanes import LOCAL, LaneKey
from operations import keys
from operations.errors import InvalidArgumentsError
from operations.request import Request
from tasks.hint import DEFAULT_TENANT

LARGEST_ARGUMENTS = 256 * 1024  # bytes of JSON
_LOCAL_GIVE_UP_AFTER = 365 * 86_400.0  # seconds; a plain task has no deadline of its own
_KEY_LENGTH = 200
_lane = lru_cache(maxsize=1024)(LaneKey)  # few, and each operation needs one


@dataclass(slots=True)  # not frozen: that would take five times as long to make
class Posting:
    """How a task was published: what Celery's options say. Nobody changes it.

    Attributes:
        task: the Celery task's name.
        message: the Celery message, where it holds more than the hint.
        follows: whether links, a chain or a chord follow its end.
    """

    ticket_id: str
    task: str
    queue: str
    priority: int = 0
    message: Mapping[str, Any] | None = None
    follows: bool = False
    due_in: float = 0.0
    expires_in: float | None = None
    hint: bool = True


@dataclass(slots=True)  # see above
class Draft:
    """A caller's arguments, checked; nobody changes them."""

    tenant: str
    business_key: str | None
    given: Mapping[str, Any]
    arguments: Mapping[str, Any]
    validated: Any


def draft(bound: BoundKind, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Draft:
    """Check a caller's arguments for one kind.

    Args:
        bound: the kind.
        args: empty, or the result of the step before in a chain or a chord.
        kwargs: the fields of the kind; `tenant` and `business_key` are reserved.

    Raises:
        InvalidArgumentsError: something is wrong with them; nothing was stored.
    """
    fields = dict(kwargs)
    if args:
        fields = dict(_from_previous(bound, args)) | fields
    tenant, business_key = fields.pop("tenant", DEFAULT_TENANT), fields.pop("business_key", None)
    _check_names(bound, tenant, business_key)
    validated = _validated(bound, fields)
    arguments = validated.model_dump(mode="json")
    _check_size(bound, arguments)
    return Draft(
        tenant=tenant,
        business_key=business_key or bound.kind.business_key(validated),
        given=validated.model_dump(mode="json", exclude_defaults=True),
        arguments=arguments,
        validated=validated,
    )


def acceptance(bound: BoundKind, made: Draft, posting: Posting, *, secret: bytes, generation: int = 1) -> Acceptance:
    """The acceptance of an integration operation: key derived, request encoded and frozen."""
    key = keys.idempotency_key(
        secret,
        tenant=made.tenant,
        provider=bound.provider.name,
        kind=bound.name,
        business_key=made.business_key or f"ticket:{posting.ticket_id}",
        generation=generation,
    )
    request: Request = bound.kind.request(made.validated, key)
    return Acceptance(
        ticket_id=posting.ticket_id,
        lane=_lane(posting.queue, made.tenant, bound.provider.name, bound.name, posting.priority, posting.task),
        idempotency_key=key,
        business_key=made.business_key,
        schema_version=bound.kind.schema_version,
        given=made.given,
        arguments=made.arguments,
        request=request,
        message=posting.message,
        follows=posting.follows,
        due_in=posting.due_in,
        give_up_after=bound.policy.give_up_after,
        expires_in=posting.expires_in,
        hint=posting.hint,
    )


def local_acceptance(posting: Posting, tenant: str = DEFAULT_TENANT) -> Acceptance:
    """The acceptance of a plain task: the message is all there is; it is deduplicated by its task id."""
    return Acceptance(
        ticket_id=posting.ticket_id,
        lane=LaneKey(posting.queue, tenant, LOCAL, posting.task, posting.priority, posting.task),
        idempotency_key=posting.ticket_id,
        message=posting.message,
        follows=posting.follows,
        due_in=posting.due_in,
        give_up_after=_LOCAL_GIVE_UP_AFTER,
        expires_in=posting.expires_in,
        hint=posting.hint,
    )


def packed(task: str, content: Any) -> Mapping[str, Any]:
    """A Celery message in a form that can be sealed, with kombu's own encoding of dates and the like.

    Raises:
        InvalidArgumentsError: something in it cannot be serialised.
    """
    try:
        return {"kombu": kombu_json.dumps(content)}
    except (TypeError, ValueError, EncodeError) as error:
        raise InvalidArgumentsError(task, [f"the arguments cannot be written as JSON: {error}"]) from None


def unpacked(message: Mapping[str, Any]) -> Any:
    """What `packed` wrote."""
    return kombu_json.loads(message["kombu"])


def seconds_until(iso: str | None) -> float | None:
    """Celery writes times by this machine's clock; the ledger counts from its own."""
    if iso is None:
        return None
    when = datetime.fromisoformat(iso)
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()


def _from_previous(bound: BoundKind, args: Sequence[Any]) -> Mapping[str, Any]:
    if len(args) > 1:
        raise InvalidArgumentsError(bound.name, ["it takes arguments by name: order_id=…, not by position"])
    if not isinstance(args[0], (Mapping, list)):
        raise InvalidArgumentsError(bound.name, [f"it takes arguments by name, not {args[0]!r} by position"])
    try:
        return bound.kind.from_previous(args[0])
    except (KeyError, TypeError, IndexError):
        raise InvalidArgumentsError(bound.name, ["the step before did not return what it needs"]) from None


def _check_names(bound: BoundKind, tenant: Any, business_key: Any) -> None:
    if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
        raise InvalidArgumentsError(
            bound.name, [f"tenant {tenant!r}: use up to 64 lower-case letters, digits and underscores"]
        )
    if business_key is not None and not (isinstance(business_key, str) and 0 < len(business_key) <= _KEY_LENGTH):
        raise InvalidArgumentsError(bound.name, [f"business_key: use text of 1 to {_KEY_LENGTH} characters"])


def _validated(bound: BoundKind, fields: dict[str, Any]) -> BaseModel:
    try:
        validated: BaseModel = bound.kind.Arguments.model_validate(fields)
    except ValidationError as error:
        raise InvalidArgumentsError(bound.name, [_sentence(bound, problem) for problem in error.errors()]) from None
    problems = [
        f"{name}: {why}"
        for name, value in vars(validated).items()
        if isinstance(value, (datetime, float)) and (why := _refused(value))
    ]
    if problems:
        raise InvalidArgumentsError(bound.name, problems)
    return validated


def _sentence(bound: BoundKind, problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = ", ".join([*bound.kind.Arguments.model_fields, "tenant", "business_key"])
        return f"{where}: not an argument; it takes {known}"
    if problem["type"] == "int_type" and isinstance(problem["input"], float):
        return f"{where}: a whole number is needed (money in the smallest unit: 4200 for 42.00), not {problem['input']}"
    return f"{where}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _refused(value: datetime | float) -> str:
    if isinstance(value, datetime):
        return "" if value.tzinfo is not None else "a time needs its zone, such as 2026-11-23T10:00:00+00:00"
    return "" if math.isfinite(value) else "not a finite number"


def _check_size(bound: BoundKind, arguments: Mapping[str, Any]) -> None:
    try:
        size = len(keys.canonical(arguments))
    except (TypeError, ValueError) as error:
        raise InvalidArgumentsError(bound.name, [f"the arguments cannot be written as JSON: {error}"]) from None
    if size > LARGEST_ARGUMENTS:
        why = f"the arguments are {size:,} bytes, more than {LARGEST_ARGUMENTS:,}: store the large part, pass its name"
        raise InvalidArgumentsError(bound.name, [why])
