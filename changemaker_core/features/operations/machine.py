"""Metrics of what this process runs on: the disk, the last backup, and read replicas."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from changemaker_core import Site
    from changemaker_core.db.postgresql.replicas import ReplicaState

#: The file of ``run/`` whose time is that of the last backup that was completed.
LAST_BACKUP: Final = "last-backup"


async def machine_metrics(site: Site) -> list[GaugeMetricFamily]:
    """Return what can be measured now. What cannot be read has no value."""
    return [*await asyncio.to_thread(_of_files, site), *_of_replicas(site)]


def _of_files(site: Site) -> list[GaugeMetricFamily]:
    free = GaugeMetricFamily("cm_disk_free_bytes", "Room on the disk", labels=("holds",))
    for holds, folder in site.config.disks().items():
        try:
            free.add_metric((holds,), float(shutil.disk_usage(folder).free))
        except OSError:
            continue  # the health checks say why
    return [free, *_last_backup(site.run_folder / LAST_BACKUP)]


def _last_backup(file: Path) -> Iterator[GaugeMetricFamily]:
    """Yield when the last backup was completed; nothing where there is none."""
    help = "When the last backup of this machine was completed"
    try:
        yield GaugeMetricFamily("cm_backup_timestamp_seconds", help, value=file.stat().st_mtime)
    except OSError:
        return


def _of_replicas(site: Site) -> Iterator[GaugeMetricFamily]:
    states = replica_states(site)
    lag = GaugeMetricFamily(
        "cm_replica_lag_seconds", "How far a replica is behind the primary", labels=("replica",)
    )
    for state in states:
        if not state.problem:
            lag.add_metric((str(state.number),), state.lag)
    if states:
        yield lag


def replica_states(site: Site) -> list[ReplicaState]:
    """Return the state of each read replica when it was last checked."""
    replicas = site.db.engine.replicas
    return [] if replicas is None else replicas.states
