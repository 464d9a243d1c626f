"""The catalogue: every fault that can be played, in the numbering of the project's fault list."""

from sandbox.faults import bodies, floods, lookups, outages, silence, statuses
from sandbox.faults.fault import AFTER, BEFORE, Fault
from sandbox.journal import Json

EITHER = (BEFORE, AFTER)
DONE = (AFTER,)
WRITES, LOOK_UPS = ("POST",), ("GET",)
HUNG = ("seconds",)
SAID = ("headers",)

ROWS = (
    Fault("F01", silence.refuse, "The port is shut for `seconds`; this request is reset undone.", params=HUNG),
    Fault("F02", silence.break_handshake, "A TLS alert instead of HTTP, as from a failed handshake."),
    Fault("F03", silence.hang, "Accepted, never answered, not done.", params=HUNG),
    Fault("F04", silence.hang, "Accepted, done, never answered.", DONE, params=HUNG),
    Fault("F05", silence.reset, "The connection is reset instead of an answer.", EITHER),
    Fault("F06", silence.reset_midway, "Done, then the connection is reset in the middle of the answer.", DONE),
    Fault(
        "F07",
        silence.close_reused,
        "The keep-alive connection is closed without a byte; `next`: as the next request begins.",
        (*EITHER, "next"),
    ),
    Fault("F08", statuses.fail, "500 before the commit, kept under the idempotency key.", params=SAID),
    Fault("F09", statuses.fail, "500 after the commit, kept under the idempotency key.", DONE, params=SAID),
    Fault(
        "F10",
        statuses.fail_outside,
        "A gateway's 502, 503 or 504, kept under no key.",
        EITHER,
        ("502", "503", "504"),
        SAID,
    ),
    Fault(
        "F11",
        statuses.limit,
        "429 with an odd Retry-After, or the one in `retry_after` (a list gives several headers).",
        forms=tuple(statuses.RETRY_AFTER),
        params=("retry_after", *SAID),
    ),
    Fault("F12", statuses.limit_all, "429 for every call of this tenant for `seconds`.", params=(*HUNG, *SAID)),
    Fault("F13", bodies.cut, "A success that breaks off or cannot be unpacked.", DONE, tuple(bodies.CUTS)),
    Fault(
        "F14",
        bodies.mistake_type,
        "200 with an HTML page, another content type, or nothing.",
        EITHER,
        ("html", "type", "empty"),
    ),
    Fault("F15", bodies.half_succeed, "200 with an error inside, or a 207 in parts.", EITHER, ("errors", "207")),
    Fault(
        "F16",
        floods.flood,
        "A body of `bytes`, a gzip bomb of `bytes`, or `lines` header lines.",
        DONE,
        tuple(floods.FLOODS),
        ("bytes", "lines"),
    ),
    Fault("F17", bodies.drip, "One byte every `seconds`.", DONE, ("body", "headers"), HUNG),
    Fault("F18", bodies.drift, "A success in a drifted schema.", DONE, tuple(bodies.DRIFTS)),
    Fault(
        "F19",
        statuses.reject,
        "401 or 403: the credential is not taken.",
        forms=("expired", "revoked", "scope", "html"),
        params=SAID,
    ),
    Fault(
        "F20",
        statuses.conflict,
        "409; `exists` speaks of what this request has just made, `foreign` of what is not ours.",
        EITHER,
        ("in_progress", "exists", "mismatch", "foreign"),
        SAID,
    ),
    Fault("F21", statuses.refuse_for_good, "A permanent 400 or 422, kept under the key.", params=SAID),
    Fault(
        "F22",
        statuses.redirect,
        "A redirect (`status`, 307) to `location`.",
        params=("location", "status", *SAID),
    ),
    Fault(
        "F23",
        silence.do_later,
        "Never answered; done `seconds` after the client has left.",
        DONE,
        params=("seconds", "patience"),
        methods=WRITES,
    ),
    Fault(
        "F24",
        lookups.look_badly,
        "A look-up blind to what is younger than `seconds`, blind to all, stale, or failing.",
        forms=("lag", "absent", "stale", "fail"),
        params=HUNG,
        methods=LOOK_UPS,
    ),
    Fault(
        "F25",
        lookups.forget,
        "The idempotency key (`all`: every key) is forgotten just before this request.",
        DONE,
        params=("all",),
        methods=WRITES,
    ),
    Fault(
        "F26",
        outages.begin,
        "An outage begins with this request.",
        forms=tuple(outages.MODES),
        params=("seconds", "latency", "flap"),
    ),
)

CATALOGUE: dict[str, Fault] = {fault.id: fault for fault in ROWS}


def printed() -> list[Json]:
    """Return the catalogue as the control port shows it."""
    return [
        {
            "fault": fault.id,
            "sentence": fault.sentence,
            "variants": list(fault.variants),
            "forms": list(fault.forms),
            "params": list(fault.params),
            "methods": list(fault.methods),
        }
        for fault in ROWS
    ]
