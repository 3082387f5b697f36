"""Writes to a SQLite file whose process may not write more than so many bytes into any file.

``fill_disk.py DATABASE_URL BYTES`` prints the outcome of each write: a full disk is unavailable.
"""

import resource
import signal
import sys

import peewee

from changemaker_core.db import Database, DatabaseUnavailable, Model, migrations


class Entry(Model):
    body = peewee.TextField()

    class Meta:
        table_name = "test_entry"


database = Database.open(sys.argv[1])
migrations.apply(database, [migrations.CORE])
database.sync.write(lambda tx: tx.database.create_tables([Entry]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
for size in (1000, 50_000_000, 1000):
    try:
        database.sync.write(lambda tx, size=size: Entry.create(body="x" * size).id)
    except DatabaseUnavailable as error:
        print("unavailable", error, flush=True)
    else:
        print("written", flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
database.sync.write(lambda tx: Entry.create(body="again").id)
print(database.sync.read(lambda: Entry.select().count()), flush=True)
database.close()
