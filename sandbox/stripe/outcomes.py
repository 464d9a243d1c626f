"""What becomes of a confirmed payment, chosen by the id of its payment method.

| payment_method                             | on confirm                                                              |
| ------------------------------------------ | ----------------------------------------------------------------------- |
| pm_card_visa, _mastercard, _amex, pm_demo  | succeeded (capture_method=manual: requires_capture)                     |
| pm_card_chargeDeclined                     | 402 card_declined / generic_decline, intent requires_payment_method     |
| pm_card_chargeDeclinedInsufficientFunds    | 402 card_declined / insufficient_funds, same                            |
| pm_card_chargeDeclinedExpiredCard          | 402 expired_card, same                                                  |
| pm_card_chargeDeclinedProcessingError      | 402 processing_error, same                                              |
| pm_card_authenticationRequired             | off_session: 402 authentication_required, same; else 200 requires_action |
| pm_processing                              | 200 processing, after processing_delay succeeded                        |
| pm_processing_fails                        | 200 processing, after processing_delay requires_payment_method          |
| any other                                  | 400 resource_missing                                                    |
"""

from dataclasses import dataclass

SUCCEEDED, PROCESSING, ACTION = "succeeded", "processing", "requires_action"
CAPTURE, METHOD, CONFIRMATION = "requires_capture", "requires_payment_method", "requires_confirmation"
CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a confirmation ends."""

    status: str
    code: str | None = None
    decline_code: str | None = None
    message: str = "Your card was declined."
    ripens_to: str | None = None


PAID = Outcome(SUCCEEDED)
UNAUTHENTICATED = Outcome(
    METHOD, "authentication_required", "authentication_required", "Your card was declined: it needs authentication."
)
TABLE: dict[str, Outcome] = {
    "pm_card_visa": PAID,
    "pm_card_mastercard": PAID,
    "pm_card_amex": PAID,
    "pm_demo": PAID,
    "pm_card_chargeDeclined": Outcome(METHOD, "card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": Outcome(
        METHOD, "card_declined", "insufficient_funds", "Your card has insufficient funds."
    ),
    "pm_card_chargeDeclinedExpiredCard": Outcome(METHOD, "expired_card", "expired_card", "Your card has expired."),
    "pm_card_chargeDeclinedProcessingError": Outcome(
        METHOD, "processing_error", "processing_error", "An error occurred while processing your card."
    ),
    "pm_card_authenticationRequired": Outcome(ACTION),
    "pm_processing": Outcome(PROCESSING, ripens_to=SUCCEEDED),
    "pm_processing_fails": Outcome(PROCESSING, ripens_to=METHOD),
}


def outcome(payment_method: str, *, off_session: bool) -> Outcome | None:
    """Return how a confirmation with this method ends; nothing for a method that does not exist."""
    ends = TABLE.get(payment_method)
    return UNAUTHENTICATED if ends and ends.status == ACTION and off_session else ends
