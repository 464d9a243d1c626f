"""How often somebody may try to sign in, whether the name is somebody's or not."""

import hashlib
import hmac

from ledger.session import Ledger

PER_NAME = 10  # tries in a minute of one name from one address
PER_ADDRESS = 60  # tries in a minute from one address
_ONE_AT_A_TIME = 7_030_603  # with the address, the key of the advisory lock under which tries are counted

_TRY = """
INSERT INTO lockgate.admin_sign_ins (who, whence)
SELECT %(who)s, %(whence)s
WHERE (SELECT count(*) FROM lockgate.admin_sign_ins
        WHERE who = %(who)s AND at > statement_timestamp() - interval '1 minute') < %(per_name)s
    AND (SELECT count(*) FROM lockgate.admin_sign_ins
        WHERE whence = %(whence)s AND at > statement_timestamp() - interval '1 minute') < %(per_address)s
"""
_FORGET = "DELETE FROM lockgate.admin_sign_ins WHERE at < statement_timestamp() - interval '1 hour'"


def may_try(ledger: Ledger, name: str, address: str) -> bool:
    """Count one more try, unless there were too many; what is refused is not counted, so that waiting helps."""
    who, whence = _hash(ledger.secret, name, address), _hash(ledger.secret, "", address)
    values = {"who": who, "whence": whence, "per_name": PER_NAME, "per_address": PER_ADDRESS}
    with ledger.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_ONE_AT_A_TIME, whence.hex()])
        connection.execute(_FORGET)
        return connection.execute(_TRY, values).rowcount == 1


def _hash(secret: bytes, *parts: str) -> bytes:
    return hmac.new(secret, b"sign in\x00" + "\x00".join(parts).encode(), hashlib.sha256).digest()
