"""An inquiry of several pages that cannot be read to their end."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from providers.conformance import KEY, LATER
from providers.recordings import recording
from providers.stripe.cases import TAKE

from integrations.call import Heard
from operations.outcome import Deferred, Unclear
from reconciliation.confirm import Asked, Inquiry, confirm


class Bound:
    """What an inquiry needs of a kind."""

    kind = TAKE.kind
    provider = None


def inquiry(*answers: Heard) -> Inquiry:
    left: Iterator[Heard] = iter(answers)
    asked = Asked(TAKE.arguments, TAKE.request(), KEY, LATER, None, None)
    return confirm(cast("Any", Bound), asked, lambda _: next(left))


@pytest.mark.parametrize("reason", ["lease_short", "no permit for another request"])
def test_what_a_lease_does_not_allow_to_read_is_a_round_that_proved_nothing(reason: str) -> None:
    found = inquiry(recording("stripe", "list_that_goes_on").reply(), Deferred(reason, 1.0))
    assert isinstance(found.finding, Unclear)  # deferred, it would begin with the first page at once, for ever


def test_one_that_was_not_begun_is_put_off() -> None:
    assert isinstance(inquiry(Deferred("lease_short")).finding, Deferred)
