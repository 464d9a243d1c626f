"""Payment intents: create, confirm, capture, cancel, retrieve."""

from dataclasses import replace
from functools import partial

from sandbox.effects import effect
from sandbox.provider import Call, Done, Work
from sandbox.stripe import checks, wishes
from sandbox.stripe.context import Context
from sandbox.stripe.errors import CARD, INVALID, missing, problem
from sandbox.stripe.form import decoded
from sandbox.stripe.objects import Customer, Intent
from sandbox.stripe.outcomes import ACTION, CANCELED, CAPTURE, CONFIRMATION, METHOD, SUCCEEDED, TABLE, outcome
from sandbox.stripe.payments import confirmed, steps
from sandbox.stripe.shapes import shown
from sandbox.stripe.wishes import Wish, drafted
from sandbox.wire.answer import Answer, in_json

DEMO_CUSTOMER = "cus_demo"
CONFIRMABLE = (METHOD, CONFIRMATION, ACTION)
CANCELABLE = (*CONFIRMABLE, CAPTURE)


class Intents:
    """The endpoints under `/v1/payment_intents`, but for lists."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, call: Call) -> Work:
        """Make an intent, and confirm it if that is asked for."""
        params = decoded(call.request.text())
        checks.known(call, params, wishes.CREATE)
        confirm = checks.flag(call, params, "confirm")
        if confirm:
            checks.needed(call, params, "payment_method")
        wish = Wish(checks.text(call, params, "payment_method"), params.get("off_session", "false") != "false", confirm)
        return partial(self._create, call, drafted(call, params), wish)

    def confirm(self, call: Call) -> Work:
        """Confirm an intent that waits for it."""
        params = decoded(call.request.text())
        checks.known(call, params, wishes.CONFIRM)
        method = checks.text(call, params, "payment_method")
        return partial(self._confirm, call, Wish(method, params.get("off_session", "false") != "false"))

    def capture(self, call: Call) -> Work:
        """Take the money that an intent holds."""
        params = decoded(call.request.text())
        checks.known(call, params, wishes.CAPTURING)
        amount, metadata = checks.whole(call, params, "amount_to_capture"), checks.metadata(call, params)
        return partial(self._capture, call, amount, metadata)

    def cancel(self, call: Call) -> Work:
        """Give an intent up."""
        params = decoded(call.request.text())
        checks.known(call, params, frozenset({"cancellation_reason"}))
        return partial(self._cancel, call, checks.text(call, params, "cancellation_reason"))

    def retrieve(self, call: Call) -> Work:
        """Show one intent."""

        def work() -> Done:
            intent = self._found(call)
            return Done(in_json(200, shown(intent)) if intent else self._missing(call))

        return work

    def _create(self, call: Call, draft: Intent, wish: Wish) -> Done:
        if draft.customer and not self._knows(draft.customer, call.account):
            return Done(missing(call, "customer", draft.customer, param="customer", status=400))
        if draft.payment_method and draft.payment_method not in TABLE:
            return Done(missing(call, "PaymentMethod", draft.payment_method, param="payment_method", status=400))
        intent = replace(draft, id=self._context.names.make("pi"), made_at=self._context.clock.wall())
        if not wish.confirm:
            return Done(in_json(200, shown(intent)), steps(None, intent, self._context, call))
        return self._confirmed(call, intent, wish, fresh=True)

    def _confirm(self, call: Call, wish: Wish) -> Done:
        intent = self._found(call)
        if intent is None:
            return Done(self._missing(call))
        method = wish.payment_method or intent.payment_method
        if intent.status not in CONFIRMABLE:
            return Done(_unexpected(call, intent, "confirm"))
        if method not in TABLE:
            return Done(missing(call, "PaymentMethod", str(method), param="payment_method", status=400))
        return self._confirmed(call, intent, replace(wish, payment_method=method), fresh=False)

    def _confirmed(self, call: Call, intent: Intent, wish: Wish, *, fresh: bool) -> Done:
        method = wish.payment_method or ""
        ends = outcome(method, off_session=wish.off_session)
        assert ends is not None  # both callers have looked the method up
        after = confirmed(intent, method, ends, self._context)
        events = steps(None if fresh else intent, after, self._context, call)
        if ends.code is None:
            return Done(in_json(200, shown(after)), events)
        refusal = problem(
            call,
            402,
            CARD,
            ends.message,
            code=ends.code,
            decline_code=ends.decline_code,
            charge=after.charge,
            payment_intent=shown(after),
            payment_method={"id": method},
        )
        return Done(refusal, events)

    def _capture(self, call: Call, amount: int | None, metadata: dict[str, str]) -> Done:
        intent = self._found(call)
        if intent is None:
            return Done(self._missing(call))
        if intent.status != CAPTURE or (amount or 0) > intent.capturable:
            return Done(_unexpected(call, intent, "capture"))
        taken = amount or intent.capturable
        words = checks.merged(intent.metadata, metadata)
        after = replace(intent, status=SUCCEEDED, received=taken, capturable=0, metadata=words)
        captured = effect("capture", provider="stripe", reference=intent.id, tenant=call.tenant, metadata=words)
        money = {"amount": taken, "currency": intent.currency}
        return Done(in_json(200, shown(after)), (*steps(intent, after, self._context, call), captured | money))

    def _cancel(self, call: Call, reason: str | None) -> Done:
        intent = self._found(call)
        if intent is None:
            return Done(self._missing(call))
        if intent.status not in CANCELABLE:
            return Done(_unexpected(call, intent, "cancel"))
        now = self._context.clock.wall()
        after = replace(intent, status=CANCELED, capturable=0, canceled_at=now, cancellation_reason=reason)
        return Done(in_json(200, shown(after)), steps(intent, after, self._context, call))

    def _found(self, call: Call) -> Intent | None:
        intent = self._context.shelf.intent(call.names["id"], call.account)
        seen = intent and self._context.clock.wall() - intent.made_at >= call.blind
        return intent if seen else None

    def _missing(self, call: Call) -> Answer:
        return missing(call, "payment_intent", call.names["id"], param="intent")

    def _knows(self, customer: str, account: str) -> bool:
        kept = self._context.shelf.get(customer)
        return customer.startswith(DEMO_CUSTOMER) or (isinstance(kept, Customer) and kept.account == account)


def _unexpected(call: Call, intent: Intent, verb: str) -> Answer:
    message = f"This PaymentIntent's status is {intent.status}: you cannot {verb} it so."
    return problem(call, 400, INVALID, message, code="payment_intent_unexpected_state", payment_intent=shown(intent))
