"""Encrypt what is private before it is stored, bound to the row it belongs to."""

import base64
import binascii
import hashlib
import json
import os
import zlib
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from operations.compact import encoder
from operations.errors import LockgateError

_KEY_BYTES = 32
_NONCE_BYTES = 12
_NAME_BYTES = 4
_COMPRESS_FROM = 1024  # bytes; below it compressing costs more than it saves
_PLAIN, _DEFLATED = b"\x01", b"\x02"
_encode = encoder()


class SealError(LockgateError):
    """A key is missing or wrong, or a sealed value does not belong where it was found."""


class Sealer:
    """AES-256-GCM under the deployment's data key.

    The associated data names the column, the tenant and the row: a value that was moved elsewhere does not open.

    Args:
        keys: LOCKGATE_DATA_KEY: one or more base64 keys of 32 bytes, separated by commas. The first seals, all open, so
            that a new key is put in front and the old one removed when nothing is sealed under it any more.

    Raises:
        SealError: a key is missing or malformed.
    """

    def __init__(self, keys: str) -> None:
        parsed = [_parse(part.strip()) for part in keys.split(",") if part.strip()]
        if not parsed:
            raise SealError("LOCKGATE_DATA_KEY is not set: put 32 random bytes in base64 there (`lockgate dev key`)")
        self._ciphers = {_name(key): AESGCM(key) for key in reversed(parsed)}
        self._current = _name(parsed[0])

    def seal(self, value: Any, *, column: str, tenant: str, row: str) -> bytes:
        """Encrypt a JSON value for one place."""
        return self.seal_bytes(_encode(value).encode(), column=column, tenant=tenant, row=row)

    def open(self, sealed: bytes, *, column: str, tenant: str, row: str) -> Any:
        """Decrypt what `seal` wrote for the same place.

        Raises:
            SealError: the key is missing, or the value was not sealed for this place.
        """
        return json.loads(self.open_bytes(sealed, column=column, tenant=tenant, row=row))

    def seal_bytes(self, plain: bytes, *, column: str, tenant: str, row: str) -> bytes:
        """Encrypt bytes for one place; longer ones are compressed first."""
        deflate = len(plain) >= _COMPRESS_FROM
        nonce = os.urandom(_NONCE_BYTES)
        head = (_DEFLATED if deflate else _PLAIN) + self._current + nonce
        body = zlib.compress(plain, 1) if deflate else plain
        return head + self._ciphers[self._current].encrypt(nonce, body, _place(column, tenant, row))

    def open_bytes(self, sealed: bytes, *, column: str, tenant: str, row: str) -> bytes:
        """Decrypt what `seal_bytes` wrote for the same place.

        Raises:
            SealError: the key is missing, or the value was not sealed for this place.
        """
        name, rest = sealed[1 : 1 + _NAME_BYTES], sealed[1 + _NAME_BYTES :]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise SealError(f"no key in LOCKGATE_DATA_KEY opens {column} of {row}: add the key that sealed it")
        try:
            body = cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _place(column, tenant, row))
        except InvalidTag:
            raise SealError(f"{column} of {row} was not sealed for this place; it was moved or damaged") from None
        return zlib.decompress(body) if sealed[:1] == _DEFLATED else body


def _parse(text: str) -> bytes:
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SealError(
            "LOCKGATE_DATA_KEY holds something that is not 32 bytes in base64 (`lockgate dev key` makes one)"
        )
    return key


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"lockgate data key" + key).digest()[:_NAME_BYTES]


def _place(column: str, tenant: str, row: str) -> bytes:
    return f"{column}\x00{tenant}\x00{row}".encode()
