"""The work items, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.items import busy, growth, outbox, path, reads, starting, uploads, workers, writes

if TYPE_CHECKING:
    from benchmarks.items.item import Item

ITEMS: dict[str, Item] = {
    item.name: item
    for module in (reads, path, busy, writes, uploads, workers, starting, outbox, growth)
    for item in module.ITEMS
}
