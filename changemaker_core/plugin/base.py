"""The class that every plugin derives from, and the markers of hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

PROJECT = "changemaker"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Plugin:
    """A plugin's manifest. Hooks are its methods marked with ``@hookimpl``.

    Instantiated once for each app, so that two apps in one process share nothing.

    >>> class Petitions(Plugin):
    ...     name = "petitions"
    ...     requires = ("members",)
    ...     contributes = (Petition, Route("/petitions", PetitionsPage()), *JOBS)
    """

    #: ``[a-z][a-z0-9]*``; the prefix of its tables, jobs, permissions, configuration, templates
    #: and static files.
    name: ClassVar[str]
    #: Plugins without which this one refuses to start.
    requires: ClassVar[tuple[str, ...]] = ()
    #: Plugins that come before this one where they are present.
    after: ClassVar[tuple[str, ...]] = ()
    #: What it contributes to every site: models, routes, jobs, … Each goes to the hook that returns
    #: a list of its class. What depends on the site is returned by that hook instead.
    contributes: ClassVar[Sequence[object]] = ()
    #: Typed configuration with defaults; ``site.config_of(ThatStruct)`` returns the values.
    config: ClassVar[type[msgspec.Struct] | None] = None
    #: Its table in the configuration of a demonstration site, where that differs from the defaults.
    demo_config: ClassVar[Mapping[str, str]] = {}
    #: Problems (or functions that return one) for the exceptions that its responders raise, by
    #: class; a resource may have such a table of its own, which comes first.
    errors: ClassVar[Mapping[type[Exception], Any]] = {}
    #: The country that its pages are made for (ISO 3166): dates and numbers have its formats unless
    #: the operator sets ``region``.
    region: ClassVar[str | None] = None
