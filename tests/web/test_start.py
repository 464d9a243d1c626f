"""A6: it refuses to start unsafe, with one sentence that says the mend; and it starts where it is safe."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests
from given.console import SCRIPT, Console
from given.office import Desk

from admin.access.accounts import Account
from admin.web import safe
from config.errors import ConfigError
from config.settings import Settings

SAFE = "http://127.0.0.1:5556"


@pytest.mark.parametrize(
    ("unsafe", "mend"),
    [
        (lambda: safe.check_address("0.0.0.0", SAFE, behind_proxy=False), "listen on 127.0.0.1"),  # noqa: S104
        (lambda: safe.check_address("::", SAFE, behind_proxy=False), "--behind-proxy"),
        (lambda: safe.check_environment({"FLASK_DEBUG": "1"}), "unset it"),
        (lambda: safe.check_environment({"PYTHONHTTPSVERIFY": "0"}), "verification of certificates"),
        (lambda: safe.check_serializers(["json", "pickle"]), "json alone"),
        (lambda: safe.check_redis_url("redis://redis.internal:6379/0"), "set one"),
        (lambda: safe.check_accounts([]), "lockgate admin user add"),
        (lambda: _settings("http://ops.example.com"), "use https"),
        (lambda: _settings("https://ops.example.com/admin"), "without a path"),
    ],
)
def test_what_would_be_unsafe_is_refused(unsafe: Callable[[], object], mend: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(mend)):
        unsafe()


def _settings(url: str) -> Settings:
    known = {
        "LOCKGATE_DATABASE_URL": "postgresql://a@b/c",
        "LOCKGATE_REDIS_URL": "redis://a/0",
        "LOCKGATE_DATA_KEY": "x",
    }
    return Settings.from_environment(known | {"LOCKGATE_ADMIN_URL": url})


def test_what_is_safe_is_not(desk: Desk) -> None:
    safe.check_address("127.0.0.1", SAFE, behind_proxy=False)
    safe.check_address("0.0.0.0", "https://ops.example.com", behind_proxy=True)  # noqa: S104
    safe.check_environment({"FLASK_DEBUG": "0", "HOME": "/"})
    safe.check_serializers(["json"])
    safe.check_redis_url("redis://:secret@redis.internal:6379/0")
    safe.check_redis_url(desk.settings.redis_url)
    account: Account = Account(1, "ann", "admin", None, None, None)  # type: ignore[arg-type]
    safe.check_accounts([account])


def test_it_starts_and_serves_and_says_where(desk: Desk, database_url: str) -> None:
    empty = {"LOCKGATE_DATABASE_URL": database_url, "LOCKGATE_ACTOR": "ann", "PATH": ""}
    console = Console(dict(desk.settings.environment) | empty)
    nobody = console.run("admin", "serve", "--port", "0")
    assert (nobody.code, "lockgate admin user add" in nobody.err) == (1, True)
    made = console.run("admin", "user", "add", "ann", "--role", "admin")
    assert (made.code, made.err) == (0, "ann may sign in, as admin; the password, which is not shown again:\n")
    assert len(made.out.strip()) == 24
    taken = console.run("admin", "user", "add", "ann", "--role", "viewer")
    assert (taken.code, "there is an account ann already" in taken.err) == (1, True)
    assert [one["role"] for one in console.json("admin", "user", "list")] == ["admin"]
    assert console.run("admin", "token", "add", "report", "--role", "viewer").out.startswith("lgt_")
    wide = console.run("admin", "serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104
    assert (wide.code, "--behind-proxy" in wide.err) == (1, True)

    serving = subprocess.Popen(
        [sys.executable, str(SCRIPT), "admin", "serve", "--port", "0"],
        env=dict(console.environment), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert serving.stdout is not None
        url = serving.stdout.readline().split()[-1]
        assert requests.get(url + "/health", timeout=30).status_code == 200
        assert requests.get(url + "/", timeout=30, allow_redirects=False).headers["Location"] == "/sign-in?next=/"
    finally:
        serving.terminate()
        assert serving.wait(timeout=60) == 0
        assert serving.stdout is not None
        serving.stdout.close()
