"""What a provider says about itself: its discovery document and its keys, asked for when needed and kept a while."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from admin.access.openid.refused import AwayError, WrongError
from admin.access.openid.way import PATIENCE, Way, busy, session
from config.address import private
from config.openid import OpenId
from resilience.clock import Clock, boottime

KEPT = 600.0  # seconds; where endpoints move, the old ones answer for longer than that
_AWAY = 5.0  # seconds for which one failed look answers for others too
_FOUND = 200
_PLACES = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_SECRETS = ("client_secret_basic", "client_secret_post")  # how we can prove who we are, the better first
_ADDRESS = re.compile(r"[!-~]{1,2000}")  # it goes into a header
_USUAL = ["client_secret_basic"]  # where the document does not say: OpenID Connect Discovery 1.0, 3


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of a discovery document that we go by.

    Attributes:
        proof: how we prove at the token endpoint who we are.
        says_who: whether every way back names its issuer, RFC 9207.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    proof: str
    says_who: bool


class Provider:
    """One OpenID provider.

    Args:
        given: what the environment says of it.
        way: carries what is asked.
        clock: BOOTTIME.
    """

    def __init__(self, given: OpenId, way: Way, clock: Clock = boottime) -> None:
        self.given = given
        self._way = way
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._away: tuple[float, str] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def metadata(self) -> Metadata:
        """Its discovery document.

        Raises:
            AwayError: it does not answer.
            WrongError: what it says cannot be used.
        """
        if not self._lock.acquire(timeout=PATIENCE):
            raise busy()
        try:  # whoever comes meanwhile waits for the same answer
            return self._known() or self._learnt()
        finally:
            self._lock.release()

    def keys(self, *, anew: bool = False) -> KeySet:
        """The keys that it signs with.

        Args:
            anew: they are asked for again, for it signs with one that is not among them.

        Raises:
            AwayError: it does not answer.
            WrongError: they cannot be read.
        """
        kept = self._keys
        if kept is not None and not anew and self._clock() - kept[0] < KEPT:
            return kept[1]
        found = self._asked(self.metadata().jwks_uri)
        try:
            keys = KeySet.import_key_set(found)
        except (JoseError, KeyError, TypeError, ValueError):
            raise WrongError("The keys of the OpenID provider cannot be read: nobody is signed in.") from None
        self._keys = (self._clock(), keys)
        return keys

    def _known(self) -> Metadata | None:
        if self._away is not None and self._clock() - self._away[0] < _AWAY:
            raise AwayError(self._away[1])
        fresh = self._metadata is not None and self._clock() - self._metadata[0] < KEPT
        return self._metadata[1] if fresh and self._metadata is not None else None

    def _learnt(self) -> Metadata:
        try:
            found = _metadata(self.given.issuer, self._asked(_document(self.given.issuer)))
        except AwayError as error:
            self._away = (self._clock(), error.said)
            raise
        self._metadata = (self._clock(), found)
        return found

    def _asked(self, url: str) -> Any:
        with session(self._way) as asking:
            answer = asking.request("GET", url, withhold_token=True, headers={"Accept": "application/json"})
        if answer.status_code != _FOUND:
            raise WrongError(
                f"The OpenID provider has nothing under {urlsplit(url).path}, and answers {answer.status_code}: look at "
                "LOCKGATE_ADMIN_OIDC_ISSUER."
            )
        try:
            found = answer.json()
        except (requests.exceptions.JSONDecodeError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise WrongError(f"What the OpenID provider has under {urlsplit(url).path} is no JSON object.")
        return found


def _document(issuer: str) -> str:
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def _metadata(issuer: str, found: dict[str, Any]) -> Metadata:
    if found.get("issuer") != issuer:
        raise WrongError(
            "The OpenID provider calls itself otherwise than LOCKGATE_ADMIN_OIDC_ISSUER does: they must be the same to the "
            "last sign."
        )
    places = [found.get(name) for name in _PLACES]
    for name, place in zip(_PLACES, places, strict=True):
        if not isinstance(place, str) or not _ADDRESS.fullmatch(place) or not private(place):
            raise WrongError(f"The OpenID provider's {name} is no https address: nobody is signed in.")
    _must(found, "response_types_supported", lambda has: "code" in has, "the authorization code")
    _must(found, "code_challenge_methods_supported", lambda has: "S256" in has, "PKCE with S256")
    offered = found.get("token_endpoint_auth_methods_supported", _USUAL)
    proof = next((each for each in _SECRETS if isinstance(offered, list) and each in offered), None)
    if proof is None:
        raise WrongError(
            "The OpenID provider takes no client secret, neither as Basic nor in the form, and we have no more."
        )
    authorization, token, keys = map(str, places)
    return Metadata(
        authorization, token, keys, proof, says_who=found.get("authorization_response_iss_parameter_supported") is True
    )


def _must(found: dict[str, Any], name: str, holds: Callable[[list[Any]], bool], what: str) -> None:
    """What a document leaves out may hold all the same; what it lists, holds only if it is listed."""
    listed = found.get(name)
    if listed is not None and not (isinstance(listed, list) and holds(listed)):
        raise WrongError(f"The OpenID provider does not offer {what}, and we sign nobody in without it.")
