"""nginx and wrk: the benchmark's own needs, which nothing else of the project has."""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = ("nginx-light", "libnginx-mod-http-echo", "wrk")
_MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/share/nginx/modules"))


class ProviderFailedError(RuntimeError):
    """nginx or wrk is missing, or did not start; the message says what to do."""


def install_if_root() -> None:
    """Install what is missing where that can be done without asking; else say what to install.

    Raises:
        ProviderFailedError: something is missing, and we may not install it.
    """
    if _found("nginx") and _found("wrk") and _echo_module():
        return
    command = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ProviderFailedError(f"the benchmark needs nginx with its echo module, and wrk; on Debian: {command}")
    print(f"installing what the benchmark needs: {command}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for argv in (["apt-get", "update", "-qq"], [*command.split(), "-y", "-qq"]):
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=environment)


def _found(name: str) -> str | None:
    """On PATH, or where Debian puts servers, which is not on everybody's."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _echo_module() -> Path | None:
    return next((path for home in _MODULES if (path := home / "ngx_http_echo_module.so").exists()), None)


def module() -> str:
    """The line that loads the echo module."""
    path = _echo_module()
    return f"load_module {path};" if path else ""


def binary(name: str) -> str:
    """Where a program is.

    Raises:
        ProviderFailedError: it is not installed.
    """
    found = _found(name)
    if found is None:
        raise ProviderFailedError(f"{name} is missing: install {' '.join(PACKAGES)}")
    return found
