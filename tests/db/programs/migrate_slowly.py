"""Applies core's migrations and those of a folder; one of them says when it is half-way."""

from __future__ import annotations

import sys
from pathlib import Path

from changemaker_core.db import Database, MigrationFolder, migrations

database = Database.open(sys.argv[1])
migrations.apply(database, [migrations.CORE, MigrationFolder("test", Path(sys.argv[2]))])
