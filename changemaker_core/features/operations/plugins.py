"""The plugins of a site: what is loaded, what is left out and why, and what each brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from changemaker_core.plugin.explaining import contributions_of, offers_of, order_of

if TYPE_CHECKING:
    from changemaker_core import Site


class InstalledPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that is loaded, or left out for a ``reason``. ``core`` are core's own features."""

    name: str
    version: str | None
    distribution: str | None
    status: str
    reason: str | None = None
    core: bool = False


class PluginDetails(InstalledPlugin, frozen=True, kw_only=True):
    """A plugin with its place in the load order, why it is there, the hooks that it implements and
    offers, and the names of what it contributes, by kind. Of one left out, nothing is known."""

    position: int | None = None
    requires: list[str] = []
    after: list[str] = []
    order: list[str] = []
    implements: list[str] = []
    offers: list[str] = []
    contributes: dict[str, list[str]] = {}


def installed_plugins(site: Site) -> list[InstalledPlugin]:
    """Return the plugins in load order, then those that are left out."""
    loaded = [
        InstalledPlugin(
            name=each.name,
            version=each.version,
            distribution=each.distribution,
            status="loaded",
            core=each.core,
        )
        for each in site.loaded.plugins
    ]
    skipped = sorted(site.loaded.skipped, key=lambda each: (each.name, each.distribution or ""))
    return loaded + [
        InstalledPlugin(
            name=each.name,
            version=each.version,
            distribution=each.distribution,
            status=each.status,
            reason=each.reason,
        )
        for each in skipped
    ]


def plugin_details(site: Site, name: str) -> PluginDetails | None:
    """Return all that is known of a plugin; ``None`` for one that is not installed."""
    found = next((each for each in installed_plugins(site) if each.name == name), None)
    if found is None:
        return None
    plugin = site.loaded.plugin(name)
    if plugin is None:
        return PluginDetails(**msgspec.structs.asdict(found))
    return PluginDetails(
        **msgspec.structs.asdict(found),
        position=site.loaded.plugins.index(plugin) + 1,
        requires=list(plugin.instance.requires),
        after=list(plugin.instance.after),
        order=order_of(site.loaded, plugin),
        implements=site.loaded.hooks.implemented_by(plugin),
        offers=offers_of(site.loaded, name),
        contributes=contributions_of(site.loaded, plugin, site),
    )
