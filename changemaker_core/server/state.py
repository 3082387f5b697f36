"""A site or application whose database fits the code, or a refusal that says what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core.jobs.declarations import JOBS, SUBSCRIPTIONS
from changemaker_core.server.refusals import Refusal
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from changemaker_core.app import App
    from changemaker_core.db.migrations import Step
    from changemaker_core.plugin.loaded import LoadedPlugin
    from changemaker_core.server.orders import Orders
    from changemaker_core.site import Site

#: Migrations that are named before the rest is only counted.
NAMED = 5


def checked_app(orders: Orders) -> App:
    """The application under ``orders``. Raises ``Refusal`` when its database is behind or ahead."""
    from changemaker_core.app import App

    return App(checked_site(orders), only=orders.only, except_=orders.except_)


def checked_site(orders: Orders) -> Site:
    """The site under ``orders``. Raises ``Refusal`` when its database is behind or ahead."""
    from changemaker_core.config import Config
    from changemaker_core.site import Site

    site = Site(Config.load(Path(orders.site)), safe_mode=orders.safe_mode)
    refuse_unknown(site, orders)
    refuse_unless_current(site)
    return site


def refuse_unknown(site: Site, orders: Orders) -> None:
    """Raise ``Refusal`` when ``--only`` or ``--except`` names what cannot be chosen: a process
    that mounts nothing by mistake would look as if it worked."""
    if orders.safe_mode:
        return
    option = "--only" if orders.only else "--except"
    core = {plugin.name for plugin in site.loaded.plugins if plugin.core}
    others = [plugin.name for plugin in site.loaded.plugins if not plugin.core]
    for name in (*orders.only, *orders.except_):
        if name in core:
            raise Refusal(f"{option}: {name!r} is part of core, which every process mounts.")
        if name not in others:
            hint = did_you_mean(name, others)
            raise Refusal(f"{option}: no plugin called {name!r} is loaded.{hint}")


def mounted_jobs(site: Site, orders: Orders) -> frozenset[str] | None:
    """The names of the jobs that ``orders`` mount; None for all of them. Core's own always are."""
    if not orders.only and not orders.except_:
        return None
    from changemaker_core.jobs import subscription_job

    jobs = [(c.plugin, c.item.name) for c in site.loaded.contributions(JOBS)]
    heard = site.loaded.contributions(SUBSCRIPTIONS)
    jobs += [(c.plugin, subscription_job(c.item).name) for c in heard]
    left_out = {name for plugin, name in jobs if not _is_mounted(plugin, orders)}
    return frozenset(site.job_names()) - left_out


def _is_mounted(plugin: LoadedPlugin, orders: Orders) -> bool:
    chosen = not orders.only or plugin.name in orders.only
    return plugin.core or (chosen and plugin.name not in orders.except_)


def refuse_unless_current(site: Site) -> None:
    """Raise ``Refusal`` when the database is behind the code, or ahead of it."""
    from changemaker_core.db import migrations

    state = migrations.state(site.db, site.migration_folders())
    if state.ahead:
        raise Refusal(
            f"The database is ahead of the installed code: {_named(state.ahead)}.\n"
            "Install the newer packages that made these changes, or restore a backup from before."
        )
    if state.behind:
        raise Refusal(
            f"The database is behind the installed code: {_named(state.behind)}.\n"
            f"Make a backup, then run `changemaker --site {site.config.site_dir} migrate`."
        )


def _named(steps: tuple[Step, ...]) -> str:
    names = [f"{step.plugin} {step.name}" for step in steps[:NAMED]]
    rest = len(steps) - len(names)
    return ", ".join([*names, f"and {rest} more"] if rest else names)
