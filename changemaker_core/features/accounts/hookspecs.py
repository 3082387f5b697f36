"""Hooks that accounts offers to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import hookspec

if TYPE_CHECKING:
    from changemaker_core import Permission, Role, Site


class AccountsHooks:
    """Who may do what."""

    @hookspec
    def accounts_register_permissions(self, site: Site) -> list[Permission]:  # type: ignore[empty-body]  # a hookspec has no body
        """What a role may be allowed to do; each name begins with the plugin's and a dot.

        >>> @hookimpl
        ... def accounts_register_permissions(self):
        ...     return [Permission("hello.greeting.write", "Write greetings")]
        """

    @hookspec
    def accounts_register_roles(self, site: Site) -> list[Role]:  # type: ignore[empty-body]  # a hookspec has no body
        """Named sets of permissions that ship with the plugin.

        >>> @hookimpl
        ... def accounts_register_roles(self):
        ...     greeter = frozenset({"hello.greeting.write"})
        ...     return [Role("GREETER", "Writes greetings", greeter)]
        """
