"""Plants the bug that PLANTED_BUG names: loaded by pytest as a plug-in, and by every worker through LOCKGATE_TASKS."""

import os

from planted.bugs import BUGS

BUGS[os.environ["PLANTED_BUG"]].put(setattr)
