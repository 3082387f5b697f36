"""Load the site or application of a process, and refuse one that could not work."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core.server.errors import CommandError
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.app import App
    from changemaker_core.db.migrations import Step
    from changemaker_core.server.spec import ProcessSpec
    from changemaker_core.site import Site

log = logging.getLogger(__name__)

#: Migrations that an error lists by name; the others are counted.
NAMED = 5


def load_app(spec: ProcessSpec) -> App:
    """Return the application of a process. Raise ``CommandError`` as ``load_site`` does."""
    from changemaker_core.app import App

    return App(load_site(spec), only=spec.only, except_=spec.except_)


def load_site(spec: ProcessSpec) -> Site:
    """Return the site of a process.

    Raise ``CommandError`` for an unknown plugin in ``--only`` or ``--except``, and for a database
    that does not match the installed code.
    """
    from changemaker_core.site import Site

    site = Site.load(Path(spec.site), safe_mode=spec.safe_mode, serving=spec.kind == "web")
    check_plugin_names(site, spec)
    check_migrations(site)
    if site.config.development and spec.kind == "web":
        warn_of_models(site)
    return site


def check_plugin_names(site: Site, spec: ProcessSpec) -> None:
    """Raise ``CommandError`` for a name in ``--only`` or ``--except`` that cannot be chosen.

    A process that mounts nothing by mistake would look as if it worked.
    """
    if spec.safe_mode:
        return
    option = "--only" if spec.only else "--except"
    core = {plugin.name for plugin in site.loaded.plugins if plugin.core}
    others = [plugin.name for plugin in site.loaded.plugins if not plugin.core]
    for name in (*spec.only, *spec.except_):
        if name in core:
            raise CommandError(f"{option}: {name!r} is part of core, which every process mounts.")
        if name not in others:
            hint = did_you_mean(name, others)
            raise CommandError(f"{option}: no plugin called {name!r} is loaded.{hint}")


def check_migrations(site: Site) -> None:
    """Raise ``CommandError`` for a database that is behind or ahead of the installed code."""
    from changemaker_core.db import migrations

    state = migrations.state(site.db, site.migration_folders())
    if state.ahead:
        raise CommandError(
            f"The database is ahead of the installed code: {_names(state.ahead)}.\n"
            "Install the packages that contain these migrations, or restore an earlier backup."
        )
    if state.behind:
        raise CommandError(
            f"The database is behind the installed code: {_names(state.behind)}.\n"
            f"Make a backup, then run `changemaker --site {site.config.site_dir} migrate`."
        )


def warn_of_models(site: Site) -> None:
    """Log which columns of models are in no table, before a page fails because of one."""
    for plugin, lacking in site.db.sync.read(lambda: list(_lacking(site))):
        fix = f"`changemaker migrations make {plugin}`, then `changemaker migrate`"
        log.warning("%s: %s has no migration: run %s", plugin, lacking, fix)


def _lacking(site: Site) -> Iterator[tuple[str, str]]:
    for plugin, models in site.models().items():
        for model in models:
            table = model._meta.table_name
            there = {column.name for column in model._meta.database.get_columns(table)}
            if not there:
                yield plugin, f"the table {table}"
            elif lacking := sorted(model._meta.columns.keys() - there):
                yield plugin, f"{model.__name__}.{', '.join(lacking)} of the table {table}"


def _names(steps: tuple[Step, ...]) -> str:
    names = [f"{step.plugin} {step.name}" for step in steps[:NAMED]]
    rest = len(steps) - len(names)
    return ", ".join([*names, f"and {rest} more"] if rest else names)


def mounted_jobs(site: Site, spec: ProcessSpec) -> frozenset[str] | None:
    """Return the names of the jobs that a process runs, core's always included; None for all."""
    if not spec.only and not spec.except_:
        return None
    from changemaker_core.jobs import subscription_job
    from changemaker_core.jobs.declarations import JOBS, SUBSCRIPTIONS

    jobs = [(c.plugin, c.item.name) for c in site.loaded.contributions(JOBS)]
    subscriptions = site.loaded.contributions(SUBSCRIPTIONS)
    jobs += [(c.plugin, subscription_job(c.item).name) for c in subscriptions]
    left_out = {name for plugin, name in jobs if not plugin.is_mounted(spec.only, spec.except_)}
    return frozenset(site.job_names()) - left_out
