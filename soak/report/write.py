"""Writes a run's report into its folder."""

import json
from pathlib import Path

from soak.checker.check import report
from soak.deaths import counted
from soak.report.figures import Figures, figures
from soak.report.page import page
from soak.run import Outcome


def write(outcome: Outcome, folder: Path) -> Figures:
    """Write `report.json` and `report.html`; return what the first holds.

    Args:
        outcome: of the run.
        folder: its own.
    """
    found = figures(outcome.history, outcome.attacks, outcome.verdict.kinds)
    found["seed"] = outcome.history.terms.seed
    found["command"] = outcome.history.terms.command
    found["seconds_to_end"] = round(outcome.moments["ended"] - outcome.moments["healed"], 1)
    found["crashes"] = [f"{crash.name} ended by itself with {crash.code}: {crash.words}" for crash in outcome.crashes]
    found["crash_points"] = dict(counted(folder))
    (folder / "report.json").write_text(json.dumps(found, indent=1, sort_keys=True))
    lines = list(report(outcome.history, outcome.verdict))
    html = page(outcome.history, found, outcome.attacks, outcome.samples, lines)
    (folder / "report.html").write_text(html)
    return found
