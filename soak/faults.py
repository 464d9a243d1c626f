"""What the providers do wrong by plan: every fault that leaves the provider's own promises standing, in all variants."""

import itertools
from collections.abc import Sequence
from typing import Any

from soak.stage import Stage

#: Not F01, F12, F26, which are attacks here; not F19 (a refused credential pauses its tenant until somebody changes it)
#: and not F25 (the provider forgets a key that it promised to keep).
PLANNED = (
    "F02", "F03", "F04", "F05", "F06", "F07", "F08", "F09", "F10", "F11", "F13", "F14", "F15", "F16", "F17", "F18",
    "F20", "F21", "F22", "F23",
)  # fmt: skip
#: A permission that is missing at the first try: dead letters without an effect, where there are people to decide on them.
_REFUSED = ("/v1/payment_intents", "/v1/customers")
_SHARE_REFUSED = 0.06
LATE = 0.5  # seconds after the client has left, in F23; shorter than any settle time
LAG = 1.5  # seconds by which a look-up lags behind; shorter than any settle time
_PARAMS: dict[str, dict[str, Any]] = {
    "F11": {"retry_after": "1"},
    "F16": {"bytes": 2_000_000, "lines": 500},
    "F17": {"seconds": 0.2},
    "F23": {"seconds": LATE, "patience": 4},
}
#: Look-ups by our key. Those in a list have no subject: a rule by chance would meet all or none, so an attack does it.
_PATHS = ("/messages", "/things")
_LOOK_UPS = ({"form": "lag", "params": {"seconds": LAG}, "probability": 0.3}, {"form": "fail", "probability": 0.2})


def begin(stage: Stage, *, seed: int, share: float, played: Sequence[str] = PLANNED) -> None:
    """Give the sandbox its orders; first and second sends meet faults, later ones are served honestly.

    Args:
        stage: where the sandbox is.
        seed: of the plan.
        share: of those sends.
        played: faults, each as often as it stands there.
    """
    stage.control("/config", processing_delay=2.0, search_lag=0.5)
    stage.control("/plan", seed=seed, share=share, faults=list(played), params=_PARAMS)
    for path in _REFUSED if stage.has_operators else ():
        refused = {"method": "POST", "path_prefix": path, "nth_attempt": 1}
        stage.control("/faults", fault="F19", form="scope", probability=_SHARE_REFUSED, match=refused)
    for order, path in itertools.product(_LOOK_UPS, _PATHS):
        stage.control("/faults", fault="F24", match={"path_prefix": path}, **order)
