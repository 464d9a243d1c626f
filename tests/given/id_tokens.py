"""ID tokens, and everything that can be wrong with one."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from joserfc import jwt
from joserfc.jwk import Key, OctKey, RSAKey

CLIENT = "lockgate"
SECRET = "a secret of this admin's, and long"
OTHER = "https://other.example"
Claims = dict[str, Any]

#: What a token may say that does not hold; None takes a claim away.
WRONG_CLAIMS: dict[str, Claims] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another issuer": {"iss": OTHER},
    "another audience": {"aud": "somebody-else"},
    "two audiences and no party": {"aud": [CLIENT, "somebody-else"]},
    "another party": {"aud": [CLIENT, "somebody-else"], "azp": "somebody-else"},
    "expired": {"iat": -900, "exp": -600},
    "never expires": {"exp": None},
    "from the future": {"iat": 600},
    "no subject": {"sub": None},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}
_TIMES = ("iat", "exp")


def made(lie: str, key: Key, claims: Claims) -> str:
    """A token, with what a lie makes of it."""
    now = int(time.time())
    said = {"iat": 0, "exp": 300, **claims, **WRONG_CLAIMS.get(lie, {})}
    said = {name: value + now if name in _TIMES else value for name, value in said.items() if value is not None}
    return WRONG_SIGNATURES.get(lie, _honestly)(key, said)


def _honestly(key: Key, claims: Claims) -> str:
    algorithm = "RS256" if key.key_type == "RSA" else "ES256"
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, [algorithm])


def _unsigned(_key: Key, claims: Claims) -> str:
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."


def _with_our_secret(_key: Key, claims: Claims) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), ["HS256"])


def _with_the_public_key(key: Key, claims: Claims) -> str:
    """By hand: whoever wrote the library knows the trick, and does not let us make such a one."""
    text = f"{_part({'alg': 'HS256', 'kid': key.kid})}.{_part(claims)}"
    public = key.as_pem(private=False)  # type: ignore[union-attr]
    return f"{text}.{_encoded(hmac.new(public, text.encode(), hashlib.sha256).digest())}"


def _with_an_unknown_key(_key: Key, claims: Claims) -> str:
    return _honestly(RSAKey.generate_key(2048, {"kid": "unknown"}, private=True), claims)


def _with_a_forged_key(key: Key, claims: Claims) -> str:
    return _honestly(RSAKey.generate_key(2048, {"kid": str(key.kid)}, private=True), claims)


def _changed_afterwards(key: Key, claims: Claims) -> str:
    head, _, signature = _honestly(key, claims).split(".")
    return f"{head}.{_part(claims | {'sub': 'u-1', 'roles': ['admin']})}.{signature}"


def _nonsense(_key: Key, _claims: Claims) -> str:
    return "no.token.atall"


WRONG_SIGNATURES: dict[str, Callable[[Key, Claims], str]] = {
    "unsigned": _unsigned,
    "signed with our secret": _with_our_secret,
    "signed with the public key": _with_the_public_key,
    "an unknown key": _with_an_unknown_key,
    "a forged key": _with_a_forged_key,
    "changed afterwards": _changed_afterwards,
    "nonsense": _nonsense,
}


def _part(value: Any) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
