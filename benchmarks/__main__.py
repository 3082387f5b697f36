"""``python -m benchmarks``: install the peers, measure, and write tables and pictures."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

from benchmarks import building, places, plot, results, table
from benchmarks.databases import postgresql
from benchmarks.items import ITEMS
from benchmarks.items.item import Bench, Item
from benchmarks.rounds import Effort


def main() -> int:
    """Do what the command line says; the exit status."""
    options = _parser().parse_args()
    status = 0
    # Ended by another, it still ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.list:
        for item in ITEMS.values():
            say(f"{item.name:22} {item.title}")
        return 0
    if not options.report_only:
        if lacking := [name for name in ("wrk", "taskset") if shutil.which(name) is None]:
            say(f"missing: {', '.join(lacking)} (Debian: apt-get install wrk util-linux)")
            return 2
        building.build(_all_peers() if options.peers is None else options.peers, say=say)
        if not options.build_only and not _measure(options):
            status = 1
    if not options.build_only:
        _report(options.output)
    return status


def say(text: str) -> None:
    """A line for whoever waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _measure(options: argparse.Namespace) -> bool:
    """Whether every item could be measured."""
    failed = False
    items = [ITEMS[name] for name in options.items or ITEMS]
    effort = (
        Effort.short()
        if options.quick
        else Effort(rounds=options.rounds, seconds=options.seconds, patience=options.patience)
    )
    server = postgresql() if any(item.needs_postgresql for item in items) else None
    try:
        for item in items:
            if item.needs_postgresql and server is None:
                say(f"{item.name}: left out, PostgreSQL is not installed")
                continue
            try:
                _measure_one(item, Bench(effort, server, say))
            except Exception:
                # The others take many minutes, and each is stored separately.
                say(f"{item.name} failed:\n{traceback.format_exc()}")
                failed = True
    finally:
        if server is not None:
            server.close()
    return not failed


def _measure_one(item: Item, bench: Bench) -> None:
    began = time.monotonic()
    say(f"{item.name}: {item.title}")
    result = item.measure(bench)
    result.missing, result.took = bench.missing, time.monotonic() - began
    results.save(result)
    say(table.section(result, picture=False) + f"\n\n(took {result.took:.0f} s)\n")


def _report(folder: Path) -> None:
    kept = [result for name in ITEMS if (result := results.load(name)) is not None]
    if not kept:
        say("nothing was measured yet")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for result in kept:
        (folder / f"{result.item}.svg").write_text(plot.draw(result))
    (folder / "results.md").write_text(table.page(kept))
    say(f"written: {folder / 'results.md'}")


def _all_peers() -> list[str]:
    without_node = shutil.which("node") is None or shutil.which("npm") is None
    return [name for name in building.GROUPS if not (without_node and name in ("node", "strapi"))]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("items", nargs="*", metavar="ITEM", help="work items; by default all (see --list)")
    add("--list", action="store_true", help="list the work items")
    add("--quick", action="store_true", help="very short rounds: does everything work?")
    add("--rounds", type=int, default=5, help="rounds of each contender (default 5)")
    add("--seconds", type=int, default=4, help="seconds of a round (default 4)")
    add("--patience", type=float, default=20.0, help="seconds to wait for quiet (default 20)")
    add("--build-only", action="store_true", help="install the peers, measure nothing")
    add("--report-only", action="store_true", help="write tables and pictures of what there is")
    add("--peers", nargs="*", choices=[*building.GROUPS], help="groups to install; default all")
    add("--output", type=Path, default=places.cache() / "report", help="folder for the report")
    return parser


if __name__ == "__main__":
    sys.exit(main())
