"""Hooks that influence offers to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import hookspec

if TYPE_CHECKING:
    from changemaker_core import Site
    from changemaker_influence.api import Directory


class InfluenceHooks:
    """Hooks about directories of representatives."""

    @hookspec
    def influence_register_directories(self, site: Site) -> list[Directory]:  # type: ignore[empty-body]  # a hookspec has no body
        """Return directories of representatives; ``directory`` in the configuration names one.

        >>> @hookimpl
        ... def influence_register_directories(self, site):
        ...     return [Gazetteer(site.folder("gazetteer") / "people.csv")]
        """
