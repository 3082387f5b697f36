"""Waits for a line, then applies core's migrations and those of a folder; prints what it did."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from changemaker_core.db import Database, MigrationFolder, migrations

database = Database.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
done = migrations.apply(database, [migrations.CORE, MigrationFolder("test", Path(sys.argv[2]))])
print(json.dumps([f"{step.plugin}.{step.name}" for step in done]))
database.close()
