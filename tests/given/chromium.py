"""A real browser: Debian's Chromium, driven by Playwright."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_INSTALL = (
    ["apt-get", "update"],
    ["apt-get", "install", "--yes", "--no-install-recommends", "chromium", "fonts-liberation"],
)


def chromium() -> Path:
    """The browser's program; installed when it is missing and we may.

    Raises:
        RuntimeError: it is missing, and somebody else must install it.
    """
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in _INSTALL:
            subprocess.run(
                command, check=True, capture_output=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            )
        found = shutil.which(_NAMES[0])
    if found is None:
        raise RuntimeError("the browser tests need Chromium: install it (Debian: apt-get install chromium), as root")
    return Path(found)


@contextmanager
def opened() -> Iterator[Browser]:
    """A browser without a window."""
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()
