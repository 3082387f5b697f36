"""Changes of settings while the site runs, by the API and by pages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from changemaker_core.features.settings import services
from changemaker_core.features.settings.mailserver import check_server
from changemaker_core.features.settings.queries import version as version_of
from changemaker_core.features.settings.views import choices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core import Site, Tx
    from changemaker_core.settings.reading import Group

    #: Called in the transaction of a change, once it is made.
    Also = Callable[[Tx], object]


def group_of(site: Site, name: str) -> Group:
    """Return the group of this name. Raises ``LookupError``."""
    group = site.settings.group(name)
    if group is None:
        raise LookupError(f"there is no group of settings called {name!r}")
    return group


async def written(
    site: Site,
    group: Group,
    changed: Callable[..., Any],
    values: Mapping[str, Any],
    also: Also | None = None,
) -> None:
    """Make a change that sets ``values``, and use it in this process at once.

    ``changed`` is called as a service: with the transaction, the settings and the group.
    """
    await check_server(site, group, values)

    def write(tx: Tx) -> None:
        changed(tx, site.settings, group)
        if also is not None:
            also(tx)

    try:
        await site.db.write(write)
    finally:  # after a conflict, a page shows what was saved meanwhile
        await site.settings.refresh()


async def save_settings(
    site: Site,
    name: str,
    values: Mapping[str, Any],
    *,
    version: int | None = None,
    also: Also | None = None,
) -> None:
    """Set fields of the group ``name`` to values of JSON; ``None`` is the default. For pages.

    ``version`` is the one that was edited, ``also`` is called in the same transaction. Raises
    ``LookupError`` for an unknown group, ``SettingsInvalid``, and, where another version is in
    force, ``SettingsChanged``.
    """
    change = partial(services.change, values=values, choices=choices_of(site), version=version)
    await written(site, group_of(site, name), change, values, also)


async def restore_settings(
    site: Site, name: str, to: int, *, version: int | None = None, also: Also | None = None
) -> None:
    """Set a group as it was in version ``to``, 0 for the defaults, as a new version.

    Raises as ``save_settings`` does, and ``UnknownVersion``.
    """
    then = await site.db.one(version_of(name, to))
    restore = partial(services.roll_back, to=to, version=version)
    await written(site, group_of(site, name), restore, {} if then is None else then.data, also)
