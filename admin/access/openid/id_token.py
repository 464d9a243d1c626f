"""The checks of an ID token: signed by the provider's own key, for us, now, and for this very way to it and back."""

from collections.abc import Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from admin.access.openid.provider import Provider
from admin.access.openid.refused import LiedError

#: Signatures that only the provider can make. HS… is one that whoever knows our secret can make; or anybody, where a public
#: key is taken for a secret.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
LEEWAY = 60  # seconds by which clocks may differ
_REGISTRY = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)


def checked(provider: Provider, token: Mapping[str, Any], *, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that holds.

    Args:
        provider: who must have signed it.
        token: the token endpoint's answer.
        nonce: what went along on the way there.

    Raises:
        LiedError: it does not hold.
        AwayError: the provider's keys are not to be had.
        WrongError: they cannot be used.
    """
    text = token.get("id_token")
    if not isinstance(text, str) or not text.isascii():
        raise LiedError("The OpenID provider sends no ID token: nobody is signed in.")
    decoded = _decoded(provider, text)
    options = {"iss": {"essential": True, "value": provider.given.issuer}, "aud": {"essential": True}}
    about = {"nonce": nonce, "client_id": provider.given.client_id, "access_token": token.get("access_token")}
    claims = CodeIDToken(decoded.claims, decoded.header, options, about)
    try:
        claims.validate(leeway=LEEWAY)
    except ExpiredTokenError:
        raise LiedError(
            "The ID token has expired: sign in again, and look at both clocks when it happens again."
        ) from None
    except (JoseError, TypeError, ValueError, AttributeError) as error:
        raise LiedError(_about(error)) from None
    if provider.given.client_id not in _audience(decoded.claims):
        raise LiedError(_MISMATCH["aud"])
    return dict(claims)


_MISMATCH = {
    "iss": "The ID token is another issuer's: nobody is signed in.",
    "aud": "The ID token is for somebody else's application: nobody is signed in.",
    "azp": "The ID token is for somebody else's application: nobody is signed in.",
    "nonce": "The ID token is of another sign-in: nobody is signed in. Sign in again.",
    "at_hash": "The ID token does not belong to what came with it: nobody is signed in.",
    "iat": "The ID token is from the future: look at both clocks.",
    "nbf": "The ID token is from the future: look at both clocks.",
}


def _about(error: Exception) -> str:
    claim = str(getattr(error, "claim", "") or getattr(error, "claims", ""))
    return _MISMATCH.get(claim, "The ID token lacks something that it must say: nobody is signed in.")


def _audience(claims: Mapping[str, Any]) -> list[Any]:
    said = claims.get("aud")
    return said if isinstance(said, list) else [said]


def _decoded(provider: Provider, text: str) -> jwt.Token:
    try:
        return _opened(text, provider.keys())
    except InvalidKeyIdError:  # it may have got a new key since
        try:
            return _opened(text, provider.keys(anew=True))
        except InvalidKeyIdError:
            raise LiedError(
                "The ID token is signed with a key that is not the OpenID provider's: nobody is signed in."
            ) from None


def _opened(text: str, keys: KeySet) -> jwt.Token:
    try:
        return jwt.decode(text, keys, registry=_REGISTRY)
    except InvalidKeyIdError:
        raise
    except (JoseError, KeyError, TypeError, ValueError, RecursionError):
        raise LiedError("The signature of the ID token does not hold: nobody is signed in.") from None
