"""Errors that callers and operators meet; each message says the mend."""


class LockgateError(Exception):
    """The base of every error that Lockgate raises on purpose."""


class InvalidArgumentsError(LockgateError):
    """The arguments were refused before anything was stored.

    Args:
        kind: the kind that refused them.
        problems: one sentence each.
    """

    def __init__(self, kind: str, problems: list[str]) -> None:
        super().__init__(f"{kind}: {'; '.join(problems)}")
        self.kind = kind
        self.problems = problems


class OperationConflict(LockgateError):  # noqa: N818  the name that the design and its users know
    """The business key is taken by an operation with other arguments; nothing was stored.

    Args:
        business_key: the key that both claim.
        operation_id: the operation that holds it.
        why: what differs.
    """

    def __init__(self, business_key: str, operation_id: str, why: str = "other arguments") -> None:
        super().__init__(
            f"{business_key} is already operation {operation_id} ({why}): use another business key for another intent, "
            "or .again(after=…) when that one was declined or provably had no effect"
        )
        self.business_key = business_key
        self.operation_id = operation_id


class AcceptUnknown(LockgateError):  # noqa: N818  the name that the design and its users know
    """The database was lost during the commit: the operation may or may not be accepted."""

    def __init__(self, business_key: str | None) -> None:
        what = f"{business_key}: call again with the same key" if business_key else "call again with the same task id"
        super().__init__(f"the database went away while accepting; it is not known whether it took {what}")


class AcceptBusy(LockgateError):  # noqa: N818  the name that the design and its users know
    """Another transaction holds the same business key and has not committed yet."""

    def __init__(self, business_key: str | None) -> None:
        super().__init__(f"another transaction is accepting {business_key} and has not committed: call again shortly")


class LedgerUnavailable(LockgateError):  # noqa: N818  the name that the design and its users know
    """PostgreSQL cannot be reached; nothing was accepted."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"the ledger's database cannot be reached, nothing was stored: check LOCKGATE_DATABASE_URL ({detail})"
        )


class Declined(LockgateError):  # noqa: N818  the name that the design and its users know
    """The provider said no, properly; there is no effect.

    Args:
        code: the provider's code.
        operation_id: the operation.
    """

    def __init__(self, code: str = "", operation_id: str = "") -> None:
        super().__init__(code, operation_id)
        self.code = code
        self.operation_id = operation_id

    def __str__(self) -> str:
        return f"declined by the provider: {self.code} (operation {self.operation_id})"


class DeadLettered(LockgateError):  # noqa: N818  the name that the design and its users know
    """The operation became a dead letter: a person decides. `effect` says what is true at the provider.

    Args:
        effect: none, unknown or done; with unknown this is not a failure, it is a question.
        reason: why it was parked.
        operation_id: the operation.
    """

    def __init__(self, effect: str = "unknown", reason: str = "", operation_id: str = "") -> None:
        super().__init__(effect, reason, operation_id)
        self.effect = effect
        self.reason = reason
        self.operation_id = operation_id

    def __str__(self) -> str:
        return f"dead letter ({self.reason}), effect at the provider: {self.effect} (operation {self.operation_id})"


class NotAllowedError(LockgateError):
    """An operator's or caller's wish that the ledger's state forbids; the message says what is possible instead."""
