"""The command line: `python -m sandbox --journal PATH`."""

import argparse
import sys
from pathlib import Path

from sandbox.process import Options, serve
from sandbox.standin.description import DescriptionError

PORTS = ("stripe", "postmark", "plain", "control")


def options() -> Options:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="sandbox", description="The lying provider; see sandbox/README.md.")
    parser.add_argument("--journal", type=Path, required=True, help="where to keep the journal; an old one is taken up")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=int, default=0, help="of identifiers, and of rules with a probability")
    for name in PORTS:
        parser.add_argument(f"--{name}-port", type=int, default=0, help="0: any free port")
    parser.add_argument(
        "--standin", action="append", default=[], metavar="FILE|MODULE:CLASS", help="a further provider; see README.md"
    )
    said = parser.parse_args()
    ports = {name: getattr(said, f"{name}_port") for name in PORTS}
    return Options(journal=said.journal, host=said.host, ports=ports, seed=said.seed, standins=tuple(said.standin))


if __name__ == "__main__":
    try:
        serve(options())
    except DescriptionError as error:
        sys.exit(str(error))
