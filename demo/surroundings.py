"""The environment of the demo's processes: servers, keys, providers, and credentials that open nothing."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from demo.home import DemoError

TENANTS = ("default", "acme", "globex")
#: Of each provider of the demo, the credential that it asks for.
CREDENTIALS = {"stripe": "API_KEY", "postmark": "SERVER_TOKEN"}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def given(environment: Mapping[str, str]) -> frozenset[str]:
    """The providers for which the environment brings credentials of its own; the sandbox stands in for the others.

    Raises:
        DemoError: they would let a demo loose on somebody's account.
    """
    found = frozenset(
        provider for provider, name in CREDENTIALS.items() if environment.get(f"LOCKGATE_{provider.upper()}_{name}")
    )
    for provider in found:
        url = environment.get(f"LOCKGATE_{provider.upper()}_BASE_URL", "")
        if urlsplit(url).hostname not in _LOOPBACK:
            raise DemoError(
                f"LOCKGATE_{provider.upper()}_{CREDENTIALS[provider]} is set and LOCKGATE_{provider.upper()}_BASE_URL does "
                "not point to this machine: a demo sends thousands of operations, so unset the credential (the sandbox "
                "stands in) or point the address to a server of yours here"
            )
    return found


def surroundings(
    *, database_url: str, redis_url: str, data_key: str, files: Path, sandbox: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment for workers, Flower and the demo's own callers."""
    inherited = dict(os.environ)
    own = given(inherited)
    found = inherited | {
        "LOCKGATE_DATABASE_URL": database_url,
        "LOCKGATE_REDIS_URL": redis_url,
        "LOCKGATE_DATA_KEY": inherited.get("LOCKGATE_DATA_KEY") or data_key,
        "LOCKGATE_PROVIDERS": os.pathsep.join(filter(None, [inherited.get("LOCKGATE_PROVIDERS"), str(files)])),
        "PYTHONUNBUFFERED": "1",
    }
    for provider, name in CREDENTIALS.items():
        variable = f"LOCKGATE_{provider.upper()}_{name}"
        if provider not in own:
            found[f"LOCKGATE_{provider.upper()}_BASE_URL"] = sandbox[provider]
        for tenant in TENANTS:
            tenants_own = variable if tenant == "default" else f"{variable}__{tenant.upper()}"
            found.setdefault(tenants_own, inherited.get(variable) or f"demo-{provider}-{tenant}")
    return found
