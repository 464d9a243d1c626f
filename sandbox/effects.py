"""What has been done to the world, by business key: a fold over the journal and nothing else."""

from sandbox.journal import Journal, Json

OUR_KEY = "lockgate_key"
# One payment intent moves through these; they are one effect that changes its name, not several.
PAYMENT = ("intent", "open", "charge")
Key = tuple[str, str, str]  # provider, reference, group


def effect(name: str, *, provider: str, reference: str, tenant: str, metadata: Json, **more: object) -> Json:
    """Return the event of something done; the business key is the one in the metadata unless it is given."""
    about = {"business": metadata.get(OUR_KEY), "reference": reference, "metadata": metadata, "tenant": tenant}
    return {"event": "effect", "provider": provider, "effect": name, **about, **more}


def undone(done: Json, *, reason: str) -> Json:
    """Return the event that an effect no longer stands."""
    kept = {name: done[name] for name in ("provider", "effect", "business", "reference", "tenant")}
    return {"event": "undone", **kept, "reason": reason}


class Effects:
    """The effects of all time, with whether they still stand."""

    def __init__(self, journal: Journal) -> None:
        self._rows: dict[Key, Json] = {}
        journal.follow("effect", self._take)
        journal.follow("undone", self._undo)

    def rows(self, *, business: str | None = None) -> list[Json]:
        """Return the effects, oldest first; of one business key if it is given."""
        return [row for row in self._rows.values() if business is None or row["business"] == business]

    def _take(self, event: Json) -> None:
        kept = ("provider", "business", "effect", "reference", "metadata", "tenant")
        row = {name: event[name] for name in kept} | {"standing": True, "seq": event["seq"]}
        self._rows.setdefault(_key(event), {}).update(row)

    def _undo(self, event: Json) -> None:
        self._rows[_key(event)]["standing"] = False


def _key(event: Json) -> Key:
    group = "payment" if event["effect"] in PAYMENT else event["effect"]
    return event["provider"], event["reference"], group
