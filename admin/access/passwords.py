"""Passwords: argon2id, and the same time for a name that nobody has."""

import secrets
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from config.errors import ConfigError

LEAST = 12  # characters; below it guessing offline is too cheap
MOST = 1024  # a longer one would only make the hash slow
_BYTES = 18  # of a password that we make: 144 bits

_hasher = PasswordHasher()  # RFC 9106's second recommendation: 64 MiB, three passes


def make() -> str:
    """A password that nobody can guess."""
    return secrets.token_urlsafe(_BYTES)


def hashed(password: str) -> str:
    """What is stored of a password.

    Raises:
        ConfigError: it is too short or too long.
    """
    if not LEAST <= len(password) <= MOST:
        raise ConfigError(f"a password has {LEAST} to {MOST} characters: give another, or none, and one is made")
    return _hasher.hash(password)


def right(stored: str | None, password: str) -> bool:
    """Whether a password is the stored one's. Of an unknown name, None: it takes the same time, and is never right."""
    try:
        return _hasher.verify(stored or _nobodys(), password[:MOST]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash(make())
