"""Lockgate, restored from a backup: nobody decides about dead letters, and nothing dies of a deadline meanwhile."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from soak.errors import SoakError
from soak.place import Place
from soak.subject import files, lockgate

UNSURE = lockgate.UNSURE
ask, dump, states, terms, worker = lockgate.ask, lockgate.dump, lockgate.states, lockgate.terms, lockgate.worker
_DEADLINE = "1h"


def prepare(place: Place, say: Callable[[str], None]) -> dict[str, str]:
    """As ever, but with time: whatever was accepted is asked about before it is sent."""
    environment = lockgate.prepare(place, say)
    files.patient(place.folder, _DEADLINE)
    return environment


def command(environment: Mapping[str, str], *words: str) -> str:
    """What an operator's command says.

    Raises:
        SoakError: it was refused.
    """
    program = str(Path(sys.executable).with_name("lockgate"))
    said = subprocess.run([program, *words], env=dict(environment), capture_output=True, text=True, check=False)
    if said.returncode:
        raise SoakError(f"lockgate {' '.join(words)}: {said.stderr.strip()}")
    return said.stdout
