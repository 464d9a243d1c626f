"""What can be set about how the providers behave when they do not lie."""

from dataclasses import asdict, dataclass

from sandbox.journal import Journal, Json


@dataclass(slots=True)
class Settings:
    """Seconds, all of them."""

    search_lag: float = 0.0  # an object younger than this is not found by search
    processing_delay: float = 1.0  # how long a payment stays in `processing`
    key_retention: float = 86400.0  # how long an idempotency key is remembered
    latency: float = 0.0  # added to each answer, before the effect

    @classmethod
    def following(cls, journal: Journal) -> "Settings":
        """Return the defaults, to be changed by what control has set or will set."""
        settings = cls()
        journal.follow("control", settings._take)
        return settings

    def facts(self) -> Json:
        """Return the settings as they stand."""
        return asdict(self)

    def _take(self, event: Json) -> None:
        if (event["method"], event["path"]) == ("POST", "/config"):
            for name, value in event["body"].items():
                setattr(self, name, value)
