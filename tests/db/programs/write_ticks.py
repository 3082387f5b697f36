"""Another process: writes one row of ``live_tick`` for each line of its input."""

from __future__ import annotations

import sys

from changemaker_core import Database
from tests.db.tracking.test_live import tick

database = Database.open(sys.argv[1])
print("ready", flush=True)  # read by the test
for _ in sys.stdin:
    database.sync.write(tick)
    print("written", flush=True)  # read by the test
database.close()
