"""What is known of a loaded plugin: why it is where it is in the load order, and what it brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from changemaker_core.plugin.collected import LoadedPlugins
    from changemaker_core.plugin.loaded import LoadedPlugin


def order_of(
    loaded: LoadedPlugins, plugin: LoadedPlugin, given_way: Collection[tuple[str, str]] = ()
) -> list[str]:
    """Return the reasons for a plugin's place in the load order.

    ``given_way`` are the pairs of plugin and other that would form a circle.
    """
    names = {other.name for other in loaded.plugins}
    after = plugin.instance.after
    ignored = {other for name, other in given_way if name == plugin.name}
    lines = [] if plugin.core else ["after core's own features, which come first"]
    lines += [f"after {name}, which it requires" for name in plugin.instance.requires]
    lines += [f"after {n}, which it names in `after`" for n in after if n in names - ignored]
    lines += [f"not after {n}: the two would form a circle" for n in after if n in ignored]
    lines += [f"{n}, which it names in `after`, is absent" for n in after if n not in names]
    followers = [p for p in loaded.plugins if plugin.name in p.instance.requires]
    lines += [f"before {p.name}, which requires it" for p in followers]
    return [*lines, "otherwise in alphabetical order"]


def offers_of(loaded: LoadedPlugins, name: str) -> list[str]:
    """Return the signatures of the hooks that a plugin offers to others."""
    hooks = loaded.hooks
    return sorted(
        spec.signature for hook, spec in hooks.specs().items() if hooks.owner(hook) == name
    )


def contributions_of(
    loaded: LoadedPlugins, plugin: LoadedPlugin, site: Any
) -> dict[str, list[str]]:
    """Return the names of what a plugin contributes, by kind."""
    mine = loaded.contributed_by(plugin)
    named = {kind: [_name(item) for item in items] for kind, items in mine.items()}
    named["tables"] = [model._meta.table_name for model in mine["models"]]
    del named["models"]
    named |= _to_other_plugins(loaded, plugin, site)
    if plugin.instance.config is not None:
        named["configuration"] = list(plugin.instance.config.__struct_fields__)
    return {kind: names for kind, names in named.items() if names}


def _to_other_plugins(
    loaded: LoadedPlugins, plugin: LoadedPlugin, site: Any
) -> dict[str, list[str]]:
    """Return the names of what it contributes to hooks of features and other plugins, by hook."""
    hooks = loaded.hooks
    by_hook: dict[str, list[str]] = {}
    for name in hooks.implemented_by(plugin):
        spec = hooks.specs()[name]
        if hooks.owner(name) != "core" and spec.item and spec.arguments == ("site",):
            items, _ = hooks.collect([plugin], name, {"site": site})
            by_hook[name] = [_name(contribution.item) for contribution in items]
    return by_hook


def _name(item: Any) -> str:
    names = (getattr(item, attribute, None) for attribute in ("path", "event", "name"))
    return str(next(filter(None, names), type(item).__name__))
