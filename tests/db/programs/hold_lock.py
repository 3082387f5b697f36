"""Takes the turn to write to a SQLite file, says so, and keeps it until it is killed."""

import sys
import time
from pathlib import Path

from changemaker_core.db.sqlite.lock import FileLock

with FileLock(Path(sys.argv[1])) as lock, lock.held():
    print("held", flush=True)
    time.sleep(600)
