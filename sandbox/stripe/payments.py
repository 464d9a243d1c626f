"""The steps of a payment: from one intent to the next, and what each step does to the world."""

from dataclasses import replace

from sandbox.effects import effect, undone
from sandbox.journal import Json
from sandbox.provider import Call
from sandbox.stripe.context import Context
from sandbox.stripe.objects import Intent
from sandbox.stripe.outcomes import ACTION, CANCELED, CAPTURE, METHOD, PROCESSING, SUCCEEDED, Outcome

CHARGED = (SUCCEEDED, PROCESSING, CAPTURE)
TOLD = {
    SUCCEEDED: "payment_intent.succeeded",
    PROCESSING: "payment_intent.processing",
    CAPTURE: "payment_intent.amount_capturable_updated",
    ACTION: "payment_intent.requires_action",
    METHOD: "payment_intent.payment_failed",
    CANCELED: "payment_intent.canceled",
}


def confirmed(intent: Intent, payment_method: str, ends: Outcome, context: Context) -> Intent:
    """Return the intent after a confirmation that ends so."""
    held = ends.status == SUCCEEDED and intent.capture_method == "manual"
    status = CAPTURE if held else ends.status
    return replace(
        intent,
        status=status,
        effect="charge" if status in CHARGED else "open",
        charge=context.names.make("ch") if status != ACTION else None,
        payment_method=None if ends.code else payment_method,
        received=intent.amount if status == SUCCEEDED else 0,
        capturable=intent.amount if held else 0,
        error=card_error(ends) if ends.code else None,
        ripens_at=context.clock.wall() + context.settings.processing_delay if ends.ripens_to else None,
        ripens_to=ends.ripens_to,
    )


def ripened(intent: Intent) -> Intent:
    """Return the intent when its processing is over."""
    over = replace(intent, status=intent.ripens_to or SUCCEEDED, ripens_at=None, ripens_to=None)
    if over.status == SUCCEEDED:
        return replace(over, received=over.amount)
    error = {"type": "card_error", "code": "processing_error", "message": "The payment failed."}
    return replace(over, effect="open", error=error)


def steps(before: Intent | None, after: Intent, context: Context, call: Call | None) -> tuple[Json, ...]:
    """Return the events of a step: the object, what Stripe tells of it, and what it did to the world."""
    told = () if before else ("payment_intent.created",)
    if (before is None or before.status != after.status) and after.effect != "intent":
        told = (*told, TOLD[after.status])
    return (context.shelf.put(after, told, call), *_worldly(before, after))


def done(intent: Intent) -> Json:
    """Return the event of what an intent counts as."""
    told = effect(intent.effect, provider="stripe", reference=intent.id, tenant=intent.tenant, metadata=intent.metadata)
    return told | {"amount": intent.amount, "currency": intent.currency}


def card_error(ends: Outcome) -> Json:
    """Return what a card says when it refuses."""
    return {"type": "card_error", "code": ends.code, "decline_code": ends.decline_code, "message": ends.message}


def _worldly(before: Intent | None, after: Intent) -> tuple[Json, ...]:
    if before is None:
        return (done(after),)
    if after.status == CANCELED:
        return (undone(done(before), reason="canceled"),)
    if before.effect == after.effect:
        return ()
    if before.effect == "charge":
        return (undone(done(before), reason="failed"), done(after))
    return (done(after),)
