"""A provider that says when each payment arrived: one line of nanoseconds (CLOCK_MONOTONIC, which all processes share).

`python -m benchmarks.large.arrivals` prints its port first.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.payment import ACCOUNT, PAYMENT


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        arrived = time.monotonic_ns()
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(PAYMENT)
        sys.stdout.write(f"{arrived}\n")
        sys.stdout.flush()

    def do_GET(self) -> None:
        self._answer(ACCOUNT)

    def log_message(self, *_: object) -> None:
        """Nothing: standard output is for the times."""

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until killed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
