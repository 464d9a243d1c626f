"""What we ask of Postmark.

It has no idempotency key (its own SDK sends again after a time-out, and so may send twice). Our key travels as metadata, and
`GET /messages/outbound?metadata_…=` shows what went out. That the search shows a message within the settle time is assumed:
Postmark does not document it. Where that is not good enough, the provider's file says `means = "X"`.
"""

import json
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from integrations import adapter
from integrations.postmark import replies
from operations.means import Means
from operations.outcome import Finding, Outcome
from operations.request import Reply, Request, Sent

Address = Annotated[str, StringConstraints(max_length=320, pattern=r"^[^@\r\n]+@[^@\s]+$")]
MailId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")]
_MOST_TEXT = 200_000  # characters; the whole message is held in one row and sent in one request


class SendEmail(adapter.Kind):
    """Send one e-mail to one recipient."""

    name = "postmark.send_email"
    means = Means.QUERY
    visible = frozenset({"mail_id", "stream", "tag"})

    class Arguments(adapter.Arguments):
        """`mail_id` is ours and names the mail, such as `order-1001-receipt`."""

        mail_id: MailId
        sender: Address
        to: Address
        subject: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\r\n]*$")]
        text: Annotated[str, StringConstraints(max_length=_MOST_TEXT)] | None = None
        html: Annotated[str, StringConstraints(max_length=_MOST_TEXT)] | None = None
        tag: Annotated[str, StringConstraints(max_length=100)] | None = None
        stream: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")] = "outbound"

        @model_validator(mode="after")
        def _says_something(self) -> Self:
            if self.text is None and self.html is None:
                raise ValueError("a mail needs text or html")
            return self

    def business_key(self, arguments: Arguments) -> str:
        """One mail per id of ours."""
        return f"mail:{arguments.mail_id}"

    def request(self, arguments: Arguments, key: str) -> Request:
        """`POST /email`, with our key as metadata: values there hold 80 characters, ours has 40."""
        message: dict[str, Any] = {
            "From": arguments.sender,
            "To": arguments.to,
            "Subject": arguments.subject,
            "TextBody": arguments.text,
            "HtmlBody": arguments.html,
            "Tag": arguments.tag,
            "MessageStream": arguments.stream,
            "Metadata": {"lockgate_key": key},
        }
        body = json.dumps({name: value for name, value in message.items() if value is not None})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return Request("POST", "/email", headers=headers, body=body.encode())

    def outcome(self, reply: Reply) -> Outcome | None:
        """Accepted by Postmark is success here: delivery is another event."""
        return replies.sent(reply)

    def inquiry(self, sent: Sent) -> Request:
        """The search by our key; it takes one metadata filter, and needs count and offset."""
        query = (("count", "5"), ("offset", "0"), ("metadata_lockgate_key", sent.key))
        return Request("GET", "/messages/outbound", query=query, headers={"Accept": "application/json"})

    def finding(self, sent: Sent, reply: Reply) -> Finding:
        """Any message under our key is this mail."""
        return replies.found(reply, sent.key)
