"""A team's own settings of when messages are acknowledged. Lockgate owes nothing to a message, so they must change nothing.

`make crashes ARGS="--plugin soak.subject.acknowledging --worker-env SOAK_ACKS=late,reject"`
"""

import os
from typing import Any

from tasks.app import app

SETTINGS = {
    "late": "acks_late",
    "reject": "reject_on_worker_lost",
    "keep": "acks_on_failure_or_timeout",  # that one is on by default, and taken away
}

_asked = set(filter(None, os.environ.get("SOAK_ACKS", "").split(",")))
if unknown := _asked - set(SETTINGS):
    raise SystemExit(f"SOAK_ACKS knows {', '.join(SETTINGS)}, and not {', '.join(sorted(unknown))}")
_given = {SETTINGS[name]: name != "keep" for name in _asked}
app.conf.update({f"task_{name}": value for name, value in _given.items()})


def _of_each_task(sender: Any, **_: Any) -> None:
    """Also where a task says so itself, which beats the settings."""
    for task in sender.tasks.values():
        for name, value in _given.items():
            setattr(task, name, value)


app.on_after_finalize.connect(_of_each_task)
if app.finalized:
    _of_each_task(app)
