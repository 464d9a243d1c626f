"""Folders that servers may enter which run as another account."""

import os
from pathlib import Path

_ENTER = 0o055  # read and search, for everybody else


def open_to_the_servers(path: Path) -> Path:
    """As root the servers run as another account, and pytest's folders are closed to it.

    Nothing is taken away: a folder above ours may be the one in which everybody keeps temporary files.
    """
    for folder in (path, *path.parents[:3]):
        found = folder.stat()
        if found.st_uid == os.getuid() and found.st_mode & _ENTER != _ENTER:
            folder.chmod(found.st_mode & 0o7777 | _ENTER)
    return path
