"""An address at which nobody listens, and nobody can while the tests run: its port is taken, and refuses."""

import socket

_TAKEN = socket.socket()
_TAKEN.bind(("127.0.0.1", 0))

NOWHERE = f"127.0.0.1:{_TAKEN.getsockname()[1]}"
