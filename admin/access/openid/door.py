"""The door that an OpenID provider keeps: there with state, nonce and PKCE, and back with a code for an ID token."""

from collections.abc import Mapping
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError

from admin.access.departures import Departure
from admin.access.openid import claims
from admin.access.openid.claims import Known
from admin.access.openid.id_token import checked
from admin.access.openid.provider import Provider
from admin.access.openid.refused import LiedError, NoRoleError, StrayError, WrongError
from admin.access.openid.way import Way, session
from admin.access.sessions import same
from config.openid import OpenId

BACK = "/sign-in/openid/back"
_NOTHING_KNOWN = "The OpenID provider answers with something that is no token: nobody is signed in."
_ANSWERS = (200, 400, 401)  # of a token endpoint: RFC 6749, 5.1 and 5.2
_CODE = 2048  # characters; codes are opaque, and have no limit of their own


class KeptOutError(NoRoleError):
    """Somebody whose token holds, and who has no role here."""

    def __init__(self, said: str, subject: str, name: str) -> None:
        super().__init__(said)
        self.subject = subject
        self.name = name


class Door:
    """One OpenID provider as a way in.

    Args:
        given: what the environment says of it.
        origin: where browsers reach the admin; the way back leads there and nowhere else.
    """

    def __init__(self, given: OpenId, origin: str) -> None:
        self.given = given
        self._back = origin + BACK
        self._way = Way()
        self._provider = Provider(given, self._way)

    def look(self) -> None:
        """Ask the provider about itself.

        Raises:
            AwayError: it does not answer.
            WrongError: what it says cannot be used.
        """
        self._provider.metadata()

    def close(self) -> None:
        """Close the kept connections."""
        self._way.close()

    def there(self, leaving: Departure) -> str:
        """Where to lead a browser.

        Raises:
            AwayError: the provider does not answer.
            WrongError: it is set up otherwise.
        """
        known = self._provider.metadata()
        with session(
            self._way, client_id=self.given.client_id, scope=self.given.scope, redirect_uri=self._back,
            code_challenge_method="S256",
        ) as asking:  # fmt: skip
            url, _ = asking.create_authorization_url(
                known.authorization_endpoint, state=leaving.state, nonce=leaving.nonce, code_verifier=leaving.verifier
            )
        return str(url)

    def back(self, leaving: Departure, said: Mapping[str, str]) -> Known:
        """Who came back.

        Args:
            leaving: the way that they went.
            said: the query that they came back with; its state was compared.

        Raises:
            OpenIdError: nobody is signed in.
        """
        known = self._provider.metadata()
        issuer = said.get("iss", "")
        if (issuer or known.says_who) and issuer != self.given.issuer:
            raise LiedError("Another OpenID provider than ours led you back: nobody is signed in.")
        if "error" in said:
            raise StrayError(_declined(said["error"]))
        code = said.get("code", "")
        if not 0 < len(code) <= _CODE:
            raise StrayError("The OpenID provider led you back without a code: sign in again.")
        token = self._exchanged(leaving, code)
        found = checked(self._provider, token, nonce=leaving.nonce)
        try:
            return claims.known(self.given, found)
        except NoRoleError as error:
            raise KeptOutError(error.said, *claims.named(self.given, found)) from None

    def _exchanged(self, leaving: Departure, code: str) -> Mapping[str, Any]:
        known = self._provider.metadata()
        with session(
            self._way, client_id=self.given.client_id, client_secret=self.given.client_secret.reveal(),
            token_endpoint_auth_method=known.proof, redirect_uri=self._back,
        ) as asking:  # fmt: skip
            asking.register_compliance_hook("access_token_response", _answered)
            try:
                token = asking.fetch_token(known.token_endpoint, code=code, code_verifier=leaving.verifier)
            except AuthlibBaseError as error:
                raise _refused(str(error.error)) from None
            except (requests.RequestException, ValueError, TypeError, RecursionError):
                raise WrongError(_NOTHING_KNOWN) from None
        if not isinstance(token, Mapping) or "access_token" not in token:
            raise WrongError(_NOTHING_KNOWN)
        return token


def fits(leaving: Departure, state: str) -> bool:
    """Whether a way back belongs to a way there."""
    return same(leaving.state, state)


def _answered(answer: requests.Response) -> requests.Response:
    """Authlib takes whatever holds no error for a token, under any number."""
    if answer.status_code not in _ANSWERS:
        raise WrongError(
            f"The OpenID provider's token endpoint answers {answer.status_code}: look at LOCKGATE_ADMIN_OIDC_ISSUER."
        )
    return answer


def _declined(error: str) -> str:
    """What the provider says in place of a code; anybody can make such a link, so its own words are not shown."""
    if error == "access_denied":
        return "The OpenID provider did not let you in, or you turned back: sign in again."
    if error in {"login_required", "interaction_required", "consent_required", "account_selection_required"}:
        return "The OpenID provider wants to ask you something first: sign in there, then here again."
    if error in {"server_error", "temporarily_unavailable"}:
        return "The OpenID provider is in trouble: try again in a minute."
    return "The OpenID provider refused to sign you in: whoever manages it finds the reason in its log."


def _refused(error: str) -> LiedError | WrongError | StrayError:
    if error == "invalid_grant":
        return StrayError(
            "The OpenID provider does not take this code: it was used already, or is too old. Sign in again."
        )
    if error in {"invalid_client", "unauthorized_client"}:
        return WrongError(
            "The OpenID provider does not know this admin: look at LOCKGATE_ADMIN_OIDC_CLIENT_ID and _CLIENT_SECRET."
        )
    return WrongError(
        "The OpenID provider refused to tell who you are: whoever manages it finds the reason in its log."
    )
