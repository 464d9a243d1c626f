"""Names of an intent: canonical arguments, their digest, the business key's hash and the idempotency key."""

import os
import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from operations.compact import encoder

IDEMPOTENCY_KEY_LENGTH = 40  # characters; fits every provider's limit and Stripe's and Postmark's metadata
_MARKED = 0xF << 76 | 0b11 << 62  # the bits of version and variant, and what they are
_MARKS = 0x7 << 76 | 0b10 << 62
_encode = encoder(sort_keys=True, ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> bytes:
    """One encoding for equal JSON values: sorted names, no spaces, no NaN.

    Raises:
        ValueError: a number is NaN or infinite.
        TypeError: something is not JSON.
    """
    return _encode(value).encode()


def digest(secret: bytes, *, schema_version: int, given: Mapping[str, Any]) -> bytes:
    """A keyed digest of the caller's given fields, which may be personal and easily guessed; 32 bytes."""
    return _mac(secret, ("arguments", schema_version), dict(given))


def business_key_id(secret: bytes, *, tenant: str, provider: str, kind: str, business_key: str) -> uuid.UUID:
    """The row of a business key: unique per tenant, provider and kind."""
    return uuid.UUID(bytes=_mac(secret, ("business-key", tenant, provider, kind), business_key)[:16])


def idempotency_key(secret: bytes, *, tenant: str, provider: str, kind: str, business_key: str, generation: int) -> str:
    """What the provider sees: the same on every attempt and every requeue, another for the next generation only.

    It depends on nothing that a restored backup or a second acceptance would change, so that a re-accepted intent meets
    the provider's own memory. `secret` is the ledger's identity, not the data key, which is rotated.
    """
    mac = _mac(secret, ("idempotency-key", tenant, provider, kind), business_key, generation)
    return mac.hex()[:IDEMPOTENCY_KEY_LENGTH]


def new_id() -> uuid.UUID:
    """A UUID of version 7: ordered by time, so that indexes grow at one end."""
    return uuid.UUID(int=_version_7())


def new_name() -> str:
    """The same as text, which is made in half the time where nobody needs the object."""
    digits = f"{_version_7():032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _version_7() -> int:
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    return (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random & ~_MARKED | _MARKS


def _mac(secret: bytes, head: tuple[Any, ...], *tail: Any) -> bytes:
    """The MAC of one list, whose head is the same for all operations of a kind."""
    mac = _begun(secret, head).copy()
    mac.update(canonical(tail)[1:])
    return mac.finalize()


@lru_cache(maxsize=1024)
def _begun(secret: bytes, head: tuple[Any, ...]) -> HMAC:
    """Beginning a MAC takes twice as long as going on with a copy of it, and Python's own copies slowly."""
    mac = HMAC(secret, SHA256())
    mac.update(canonical(head)[:-1] + b",")
    return mac
