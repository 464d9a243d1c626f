"""Refunds: create and retrieve."""

from dataclasses import dataclass
from functools import partial

from sandbox.effects import effect
from sandbox.provider import Call, Done, Work
from sandbox.stripe import checks
from sandbox.stripe.context import Context
from sandbox.stripe.errors import INVALID, missing, problem
from sandbox.stripe.form import decoded
from sandbox.stripe.objects import Intent, Refund
from sandbox.stripe.outcomes import SUCCEEDED
from sandbox.stripe.shapes import shown
from sandbox.wire.answer import in_json

CREATE = checks.names("amount charge metadata payment_intent reason refund_application_fee reverse_transfer")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    intent: str
    amount: int | None
    metadata: dict[str, str]
    reason: str | None


class Refunds:
    """The endpoints under `/v1/refunds`, but for lists."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, call: Call) -> Work:
        """Give money back, never more than was taken."""
        params = decoded(call.request.text())
        checks.known(call, params, CREATE)
        checks.needed(call, params, "payment_intent")
        intent = checks.text(call, params, "payment_intent") or ""
        amount, reason = checks.whole(call, params, "amount"), checks.text(call, params, "reason")
        return partial(self._create, call, Wish(intent, amount, checks.metadata(call, params), reason))

    def retrieve(self, call: Call) -> Work:
        """Show one refund."""

        def work() -> Done:
            name, now = call.names["id"], self._context.clock.wall()
            kept = self._context.shelf.get(name)
            if isinstance(kept, Refund) and kept.account == call.account and now - kept.made_at >= call.blind:
                return Done(in_json(200, shown(kept)))
            return Done(missing(call, "refund", name, param="id"))

        return work

    def _create(self, call: Call, wish: Wish) -> Done:
        intent = self._context.shelf.intent(wish.intent, call.account)
        if intent is None:
            return Done(missing(call, "payment_intent", wish.intent, param="payment_intent"))
        left = self._left(intent)
        if intent.status != SUCCEEDED or intent.charge is None:
            message = f"This PaymentIntent ({intent.id}) does not have a successful charge to refund."
            return Done(problem(call, 400, INVALID, message, param="payment_intent"))
        if left == 0:
            message = f"Charge {intent.charge} has already been refunded."
            return Done(problem(call, 400, INVALID, message, code="charge_already_refunded"))
        if (wish.amount or 0) > left:
            message = f"Refund amount ({wish.amount}) is greater than unrefunded amount on charge ({left})."
            return Done(problem(call, 400, INVALID, message, param="amount"))
        return self._made(call, wish, intent, intent.charge, wish.amount or left)

    def _made(self, call: Call, wish: Wish, intent: Intent, charge: str, amount: int) -> Done:
        refund = Refund(
            id=self._context.names.make("re"),
            account=call.account,
            tenant=call.tenant,
            made_at=self._context.clock.wall(),
            amount=amount,
            currency=intent.currency,
            payment_intent=intent.id,
            charge=charge,
            metadata=checks.merged({}, wish.metadata),
            reason=wish.reason,
        )
        put = self._context.shelf.put(refund, ("refund.created",), call)
        back = effect("refund", provider="stripe", reference=refund.id, tenant=call.tenant, metadata=refund.metadata)
        money = {"amount": amount, "currency": intent.currency, "of": intent.id}
        return Done(in_json(200, shown(refund)), (put, back | money))

    def _left(self, intent: Intent) -> int:
        place = (intent.account, Refund.kind)
        refunds = self._context.shelf.newest(place, {"payment_intent": intent.id})
        return intent.received - sum(refund.amount for refund in refunds if isinstance(refund, Refund))
