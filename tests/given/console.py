"""The real console script, as an operator types it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.executable).parent / "lockgate"


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Console:
    """A shell with nothing but its environment."""

    environment: Mapping[str, str]

    def run(self, *words: str, **more: str) -> Said:
        done = subprocess.run(
            [str(SCRIPT), *words],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def json(self, *words: str, **more: str) -> Any:
        """The JSON of a command that must succeed."""
        said = self.run(*words, "--json", **more)
        assert said.code == 0, said.err
        return said.json

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(SCRIPT), *words], env=dict(self.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
