"""One accepted e-mail, and Postmark's shapes of it."""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from email.utils import getaddresses
from zoneinfo import ZoneInfo

from sandbox.effects import OUR_KEY
from sandbox.journal import Json

EASTERN = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class Message:
    """What is kept of an e-mail."""

    id: str
    account: str
    made_at: float
    sender: str
    to: str
    subject: str = ""
    text: str = ""
    html: str = ""
    tag: str = ""
    stream: str = "outbound"
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def business(self) -> str | None:
        """Our own key."""
        return self.metadata.get(OUR_KEY)

    def facts(self) -> Json:
        """Return the message as the journal keeps it."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def listed(self) -> Json:
        """Return the message as the search shows it."""
        return {
            "Tag": self.tag,
            "MessageID": self.id,
            "To": [{"Email": address, "Name": name} for name, address in getaddresses([self.to])],
            "Cc": [],
            "Bcc": [],
            "Recipients": [address for _, address in getaddresses([self.to])],
            "ReceivedAt": dated(self.made_at),
            "From": self.sender,
            "Subject": self.subject,
            "Attachments": [],
            "Status": "Sent",
            "TrackOpens": False,
            "TrackLinks": "None",
            "Metadata": self.metadata,
            "MessageStream": self.stream,
        }

    def detailed(self) -> Json:
        """Return the message as its own page shows it."""
        delivered = [
            {"Recipient": address, "Type": "Delivered", "ReceivedAt": dated(self.made_at), "Details": {}}
            for _, address in getaddresses([self.to])
        ]
        return self.listed() | {"TextBody": self.text, "HtmlBody": self.html, "Body": "", "MessageEvents": delivered}


def dated(at: float) -> str:
    """Return a time as Postmark writes it: Eastern, with seven digits of a second."""
    when = datetime.fromtimestamp(at, UTC).astimezone(EASTERN)
    zone = when.strftime("%z")
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}0{zone[:3]}:{zone[3:]}"


def undated(text: str) -> float:
    """Return the time that a date or date-time of a search means: Eastern unless it says otherwise."""
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=EASTERN)).timestamp()
