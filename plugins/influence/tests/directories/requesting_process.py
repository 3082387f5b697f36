"""Asks a Represent server as often as it may: DATABASE_URL URL LIMIT PERIOD LATENESS SECONDS NAME.

Prints ``ready``, begins at the next line that it reads, and prints how many requests succeeded. The
codes that it asks for begin with NAME.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta

from changemaker_core import Database
from changemaker_influence.config import InfluenceConfig
from changemaker_influence.directories.errors import DirectoryUnavailable
from changemaker_influence.directories.represent import Represent


async def ask(represent, name, until):
    """How many requests were returned until then, by several visitors at once."""

    async def visitor(number):
        returned = asked = 0
        while time.monotonic() < until:
            asked += 1
            try:
                await represent.find(f"{name}{number}{asked}")
                returned += 1
            except DirectoryUnavailable:
                await asyncio.sleep(0.02)
        return returned

    return sum(await asyncio.gather(*map(visitor, range(8))))


async def main(database_url, url, limit, period, lateness, seconds, name):
    config = InfluenceConfig(represent_url=url, represent_requests_per_minute=int(limit))
    db = Database.open(database_url)
    represent = Represent(
        db,
        config,
        period=timedelta(seconds=float(period)),
        lateness=timedelta(seconds=float(lateness)),
    )
    print("ready", flush=True)
    sys.stdin.readline()  # once every process is ready
    try:
        print(await ask(represent, name, time.monotonic() + float(seconds)))
    finally:
        await represent.close()
        db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
