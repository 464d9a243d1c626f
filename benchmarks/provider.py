"""The provider in the benchmark: nginx, so that the one who answers is never what is measured."""

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.install import ProviderFailedError, binary, module
from benchmarks.payment import ACCOUNT, FORM, PAYMENT
from embedded.process import end, free_port

LATENCIES = (0, 50)  # milliseconds; nginx's echo module waits without holding anything

_CONFIGURATION = """
{module}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    log_format one "1";
    access_log off;
    default_type application/json;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {servers}
}}
"""
_SERVER = """
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /v1/account {{ return 200 '{account}'; }}
        location = /v1/payment_intents {{ {wait} echo_exec @answer; }}
        location @answer {{ access_log {log} one; return 200 '{payment}'; }}
    }}
"""


@dataclass(frozen=True)
class Strength:
    """What the provider does under wrk: requests per second, with so many connections."""

    latency: int
    connections: int
    requests_per_second: float


class Nginx:
    """One nginx with a port for each latency.

    Every answered payment is one line of two bytes in a file, so counting them costs the measured nothing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ports = {latency: free_port() for latency in LATENCIES}
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, latency: int) -> str:
        """The base URL of the port with this latency; milliseconds."""
        return f"http://127.0.0.1:{self._ports[latency]}"

    def seen(self, latency: int) -> int:
        """How many payments this port has answered."""
        return self._log(latency).stat().st_size // 2

    def start(self) -> None:
        """Start it, and wait until every port answers as it should."""
        for latency in LATENCIES:
            self._log(latency).write_bytes(b"")
        servers = "".join(self._server(latency) for latency in LATENCIES)
        path = self._folder / "nginx.conf"
        path.write_text(_CONFIGURATION.format(module=module(), folder=self._folder, servers=servers))
        argv = [binary("nginx"), "-e", str(self._folder / "error.log"), "-c", str(path), "-p", str(self._folder)]
        if os.geteuid() == 0:
            argv += ["-g", "user root;"]  # its workers must reach the folder of whoever runs the benchmark
        self._process = subprocess.Popen(argv, start_new_session=True)
        until = time.monotonic() + 10
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                raise ProviderFailedError(f"nginx did not start: see {self._folder / 'error.log'}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            end(self._process.pid, signal.SIGTERM)
            self._process.wait(10)

    def strength(self, latency: int, *, seconds: int = 2) -> Strength:
        """What it does under a client in C, so that nobody has to take our word that it is not the bottleneck."""
        connections = 32 if latency == 0 else 512
        script = self._folder / "post.lua"
        script.write_text(
            f'wrk.method = "POST"\nwrk.body = "{FORM}"\n'
            'wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n'
        )
        argv = [binary("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
        said = subprocess.run(
            [*argv, f"{self.url(latency)}/v1/payment_intents"], capture_output=True, text=True, check=True
        ).stdout
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if found is None or "Non-2xx" in said:
            raise ProviderFailedError(f"wrk met errors: {said}")
        return Strength(latency, connections, float(found.group(1)))

    def _log(self, latency: int) -> Path:
        return self._folder / f"seen-{latency}"

    def _server(self, latency: int) -> str:
        return _SERVER.format(
            port=self._ports[latency],
            log=self._log(latency),
            wait=f"echo_sleep {latency / 1000};" if latency else "",
            payment=json.dumps(PAYMENT, indent=2).replace("'", ""),
            account=json.dumps(ACCOUNT),
        )

    def _answers(self) -> bool:
        try:
            for latency in LATENCIES:
                answer = requests.post(f"{self.url(latency)}/v1/payment_intents", data=FORM, timeout=2)
                if answer.json() != PAYMENT or "Content-Length" not in answer.headers:
                    raise ProviderFailedError(f"nginx answers otherwise than asked: {answer.text[:200]}")
        except requests.ConnectionError:
            return False
        return True
