"""Why a provider let nobody in: each reason is one sentence for whoever stands at the door."""


class OpenIdError(Exception):
    """Nobody is signed in.

    Args:
        said: one sentence; it never quotes what came from outside.
    """

    status = 403

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class AwayError(OpenIdError):
    """The provider is down, slow, or out of its mind for now: trying again may help."""

    status = 503


class WrongError(OpenIdError):
    """The provider is set up otherwise than we are: somebody must mend it."""

    status = 502


class StrayError(OpenIdError):
    """The way back is not one that was begun in this browser, or it was used up."""

    status = 400


class LiedError(OpenIdError):
    """What the provider says of somebody does not hold; the audit keeps it."""


class NoRoleError(OpenIdError):
    """Somebody is known, and may do nothing here; the audit keeps it."""
