"""Bugs planted into the real platform, one at a time: workers load them as one more module in LOCKGATE_TASKS.

Each is caught by tests of the suite that run with it and must fail. Nothing in the platform knows of this.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import ledger.accept
import ledger.claim
import ledger.follow
import ledger.lapsed
import ledger.record
import tasks.attempt
import tasks.bulkhead
import tasks.calling
import tasks.company
import tasks.delivery
import tasks.sweep
from operations.means import Means
from operations.outcome import Effect
from resilience import decide
from resilience.decide import Park

Patch = Callable[[Any, str, Any], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """One of them.

    Attributes:
        bug: in the words of docs/planted-bugs.md.
        caught_by: the test that must fail.
        put: plants it, with a function like setattr.
    """

    bug: str
    caught_by: str
    put: Callable[[Patch], None]


BUGS: dict[str, Bug] = {}


def plant(bug: str, *, caught_by: str) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Register a bug under its function's name."""

    def register(put: Callable[[Patch], None]) -> Callable[[Patch], None]:
        BUGS[put.__name__] = Bug(bug, caught_by, put)
        return put

    return register


def _reword(patch: Patch, module: Any, name: str, *changes: tuple[str, str]) -> None:
    """Change a statement; what is no longer in it must be planted anew."""
    statement = getattr(module, name)
    for before, after in changes:
        if before not in statement:
            raise LookupError(f"{module.__name__}.{name} no longer says {before!r}: plant this bug anew")
        statement = statement.replace(before, after)
    patch(module, name, statement)


_OURS = "AND o.state = %(was)s AND o.fence = %(fence)s\n        AND o.lease_token IS NOT DISTINCT FROM %(token)s"
_CLOSES = "extract(epoch FROM c.send_until - statement_timestamp())::float8"
_LEDGER = "tests/ledger/test_claim_and_record.py::"


@plant(
    "no fence in the outcome's UPDATE", caught_by=f"{_LEDGER}test_the_fence_keeps_a_zombie_from_moving_a_later_attempt"
)
def no_fence(patch: Patch) -> None:
    _reword(patch, ledger.record, "_RECORD", (_OURS, "AND o.state = %(was)s"))


@plant("a claim that does not look again", caught_by=f"{_LEDGER}test_only_one_of_two_claims_gets_it")
def claim_without_looking(patch: Patch) -> None:
    _reword(
        patch,
        ledger.claim,
        "_CLAIM",
        ("o.state = ANY(%(claimable)s::text[])", "(true OR o.state = ANY(%(claimable)s::text[]))"),
    )


@plant(
    "a new idempotency key for each attempt",
    caught_by="tests/drills/test_asking_first.py::test_every_send_of_one_operation_is_the_same_bytes_under_the_same_key",
)
def key_per_attempt(patch: Patch) -> None:
    real = tasks.attempt._the_request

    def changed(claimed: Any) -> Any:
        request = real(claimed)
        key = f"{claimed.idempotency_key}-{claimed.lease.fence}"
        return replace(request, headers={**request.headers, "Idempotency-Key": key})

    patch(tasks.attempt, "_the_request", changed)


@plant(
    "the body serialised anew at each attempt",
    caught_by="tests/drills/test_asking_first.py::test_every_send_of_one_operation_is_the_same_bytes_under_the_same_key",
)
def body_per_attempt(patch: Patch) -> None:
    real = tasks.attempt._the_request

    def changed(claimed: Any) -> Any:
        request = real(claimed)
        return replace(request, body=request.body + b"&metadata[try]=%d" % claimed.lease.fence)

    patch(tasks.attempt, "_the_request", changed)


@plant(
    "a key trusted after the provider forgot it",
    caught_by="tests/drills/test_doubts.py::test_a_doubt_older_than_the_providers_memory_of_the_key_is_asked_about_and_not_sent",
)
def key_trusted_for_ever(patch: Patch) -> None:
    forgotten = "coalesce(o.send_until, '-infinity') < statement_timestamp()"
    _reword(patch, ledger.claim, "_CLAIM", (forgotten, "false"), (_CLOSES, "NULL::float8"))


@plant(
    "retention judged at the claim, not before the first byte",
    caught_by="tests/drills/test_doubts.py::test_a_key_that_runs_out_between_the_claim_and_the_first_byte_sends_nothing",
)
def retention_judged_early(patch: Patch) -> None:
    _reword(patch, ledger.claim, "_CLAIM", (_CLOSES, "NULL::float8"))


@plant(
    "the lease checked at the claim, not before the first byte",
    caught_by="tests/drills/test_first_byte.py::test_a_handshake_that_took_too_long_is_noticed_before_the_first_byte",
)
def lease_checked_early(patch: Patch) -> None:
    patch(tasks.attempt._Exchange, "_guard", lambda _: None)


@plant(
    "the fence throws away a late proof",
    caught_by=f"{_LEDGER}test_a_late_proof_closes_the_dead_letter_with_an_audit_row",
)
def late_proof_thrown_away(patch: Patch) -> None:
    patch(ledger.record, "settle_late", lambda *_, **__: False)


@plant(
    "the last attempt's effect replaces the operation's",
    caught_by="tests/drills/test_doubts.py::test_after_a_charge_that_was_not_answered_no_later_refusal_says_none",
)
def last_effect_wins(patch: Patch) -> None:
    patch(decide, "_effect_after", lambda _, failed: failed.effect)


@plant(
    "confirmed once",
    caught_by="tests/drills/test_asking_first.py::test_a_search_that_lags_longer_than_declared_is_caught_by_the_second_look",
)
def confirmed_once(patch: Patch) -> None:
    patch(decide, "_absent", decide._proven_absent)


@plant("the account is that of the last attempt", caught_by=f"{_LEDGER}test_another_account_is_visible_in_the_claim")
def account_of_the_last_attempt(patch: Patch) -> None:
    _reword(patch, ledger.claim, "_CLAIM", ("account = coalesce(o.account, n.own)", "account = n.own"))


@plant(
    "what could double is sent right after a failover",
    caught_by=f"{_LEDGER}test_after_a_failover_only_what_the_provider_deduplicates_is_sent",
)
def no_calm_after_a_failover(patch: Patch) -> None:
    _reword(patch, ledger.claim, "_CLAIM", ("AND (%(calm)s OR", "AND (true OR %(calm)s OR"))


@plant(
    "marked as hinted, and never missed",
    caught_by="tests/drills/test_the_sweep.py::"
    "test_a_hint_that_died_with_its_worker_is_missed_although_the_queue_is_never_empty",
)
def never_missed(patch: Patch) -> None:
    patch(tasks.sweep, "_staleness", lambda *_: None)


@plant(
    "a revoke is obeyed whatever may have happened",
    caught_by="tests/drills/test_revoke_and_expiry.py::"
    "test_an_operation_that_is_revoked_while_it_may_have_happened_is_confirmed_and_tells_the_truth",
)
def revoked_in_doubt(patch: Patch) -> None:
    patch(decide, "overdue", lambda _, reason: Park(reason, Effect.NONE))


@plant(
    "a reaper whose batch always begins with what it cannot decide",
    caught_by="tests/ledger/test_sweep_queries.py::test_kinds_that_nobody_here_knows_do_not_keep_the_others_waiting",
)
def reaper_without_pages(patch: Patch) -> None:
    _reword(patch, ledger.lapsed, "_LAPSED", ("o.kind = ANY(%(known)s)", "(true OR o.kind = ANY(%(known)s))"))


@plant(
    "each inquiry that proves nothing puts the decision off",
    caught_by=f"{_LEDGER}test_an_inquiry_that_proves_nothing_gives_an_operation_no_more_time",
)
def decision_put_off(patch: Patch) -> None:
    _reword(patch, ledger.record, "_RECORD", ("AND o.decide_at > o.deadline_at THEN", "AND false THEN"))


@plant(
    "what a repeated call brings along is forgotten",
    caught_by="tests/flows/test_twice.py::test_two_callers_each_have_their_own_errback",
)
def second_caller_forgotten(patch: Patch) -> None:
    _reword(patch, ledger.accept, "_ALIAS", ("%(message)s, true, %(follows)s", "%(message)s, true, false"))


@plant(
    "what follows is named anew each time that it is sent",
    caught_by="tests/flows/test_replay.py::test_the_provider_is_not_called_again_for_what_follows",
)
def links_named_anew(patch: Patch) -> None:
    patch(tasks.delivery, "with_ids", lambda embed, _: dict(embed or {}))


@plant(
    "what follows an end is sent once, and never looked at again",
    caught_by="tests/flows/test_replay.py::test_an_errback_acts_once",
)
def never_followed_up(patch: Patch) -> None:
    _reword(patch, ledger.follow, "_UNFINISHED", ("AND t.follow_at < statement_timestamp()", "AND false"))


@plant(
    "what cannot be sent twice is claimed in company",
    caught_by="tests/drills/test_in_company.py::test_only_what_may_be_sent_twice_and_was_never_lost_has_company",
)
def company_for_what_doubles(patch: Patch) -> None:
    patch(tasks.company, "Means", SimpleNamespace(KEY=Means.KEY, UNIQUE=Means.QUERY))


@plant(
    "what waits behind a tenant's hanging calls fills all that a worker takes ahead",
    caught_by="tests/drills/test_a_neighbour.py::test_a_tenant_whose_calls_hang_keeps_nobody_else_out",
)
def nothing_given_back(patch: Patch) -> None:
    patch(tasks.bulkhead.Bulkhead, "give_back", lambda *_: [])


@plant(
    "who was twice beside a crash is tried in company again",
    caught_by="tests/drills/test_poison.py::test_who_was_twice_beside_a_crash_is_carried_out_alone_and_goes_on_as_ever",
)
def suspects_in_company(patch: Patch) -> None:
    _reword(patch, ledger.claim, "_CLAIM", ("(o.crashes < %(suspect)s OR", "(true OR o.crashes < %(suspect)s OR"))


@plant(
    "a caller who will not hear its end makes a call that nobody could settle",
    caught_by="tests/drills/test_call_now.py::"
    "test_what_nobody_could_settle_after_a_doubt_is_left_to_a_worker_when_the_caller_cannot_wait",
)
def hasty_caller_calls(patch: Patch) -> None:
    patch(tasks.calling, "Means", SimpleNamespace(KEY=Means.KEY, UNIQUE=Means.QUERY))


@plant(
    "of two equal items of a batch the last one is accepted",
    caught_by="tests/ledger/test_accept.py::"
    "test_of_two_equal_items_of_a_batch_the_first_is_accepted_however_their_keys_sort",
)
def last_of_equals(patch: Patch) -> None:
    for statement in ("_ACCEPT_SOME", "_ACCEPT_ALIKE"):
        _reword(patch, ledger.accept, statement, ("business_key_id, place\n", "business_key_id, place DESC\n"))


@plant(
    "a dead letter among a chord's members fails the chord before anybody has decided",
    caught_by="tests/flows/test_held.py::test_the_chord_waits_and_says_why",
)
def dead_member_fails_its_chord(patch: Patch) -> None:
    patch(tasks.attempt.Attempt, "holds", lambda *_: False)
