"""One case of each of Postmark's kinds."""

from providers.conformance import Case

from integrations import postmark

_MAIL = {
    "mail_id": "order-1001-receipt",
    "sender": "shop@merchant.example",
    "to": "jo@customer.example",
    "subject": "Your receipt, Jo",
    "text": "Thank you, Jo.",
    "tag": "receipt",
}

MAIL = Case(
    postmark.ADAPTER,
    postmark.SendEmail(),
    _MAIL,
    personal=("jo@customer.example", "Jo", "shop@merchant.example", "Thank you"),
    others=({**_MAIL, "mail_id": "order-1002-receipt"},),
)
CASES = (MAIL,)
