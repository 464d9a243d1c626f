"""The command line: `python -m sandbox --journal PATH`."""

import argparse
from pathlib import Path

from sandbox.process import Options, serve

PORTS = ("stripe", "postmark", "plain", "control")


def options() -> Options:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="sandbox", description="The lying provider; see sandbox/README.md.")
    parser.add_argument("--journal", type=Path, required=True, help="where to keep the journal; an old one is taken up")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=int, default=0, help="of identifiers, and of rules with a probability")
    for name in PORTS:
        parser.add_argument(f"--{name}-port", type=int, default=0, help="0: any free port")
    said = parser.parse_args()
    ports = {name: getattr(said, f"{name}_port") for name in PORTS}
    return Options(journal=said.journal, host=said.host, ports=ports, seed=said.seed)


if __name__ == "__main__":
    serve(options())
