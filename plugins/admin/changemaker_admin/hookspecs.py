"""Hooks that admin offers to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.declarations import (
    AdminScreen,
    Attention,
    Card,
    Step,
    claims_of_screen,
    problems_of,
)
from changemaker_core import Kind, NavigationEntry, Route, hookspec, named

if TYPE_CHECKING:
    from changemaker_core import Site

SCREENS = Kind(
    "admin_register_screens",
    AdminScreen,
    claims_of_screen,
    problems_of,
    brings={
        Route: lambda screen: screen.routes(),
        NavigationEntry: lambda screen: screen.entries(),
    },
)
CARDS = Kind(
    "admin_register_cards",
    Card,
    named("card", "."),
    problems_of,
    ("await daily(site, objects, first, last)", "await number(site, objects)"),
    permissions=lambda card: [card.permission],
)
ATTENTION = Kind(
    "admin_register_attention",
    Attention,
    named("line of the dashboard", "."),
    problems_of,
    ("await count(site, objects)",),
    permissions=lambda attention: [attention.permission],
)
STEPS = Kind(
    "admin_register_steps",
    Step,
    named("step", "."),
    calls=("await done(site)",),
    permissions=lambda step: [step.permission],
)


class AdminHooks:
    """Hooks about the organisers' pages."""

    @hookspec
    def admin_register_screens(self, site: Site) -> list[AdminScreen]:  # type: ignore[empty-body]  # a hookspec has no body
        """Pages under ``/admin``, and their entries of the menu.

        >>> @hookimpl
        ... def admin_register_screens(self):
        ...     page = GreetingsPage()
        ...     return [Screen("/admin/greetings", page, Text("Greetings"), group="people")]
        """

    @hookspec
    def admin_register_cards(self, site: Site) -> list[Card]:  # type: ignore[empty-body]  # a hookspec has no body
        """Numbers on the dashboard, with plots of the last 30 days.

        >>> @hookimpl
        ... def admin_register_cards(self):
        ...     read = "hello.greeting.read"
        ...     return [Card("hello.greetings", Text("Greetings"), read, daily=greetings_by_day)]
        """

    @hookspec
    def admin_register_attention(self, site: Site) -> list[Attention]:  # type: ignore[empty-body]  # a hookspec has no body
        """What waits for a person, shown on the dashboard while there is any.

        >>> @hookimpl
        ... def admin_register_attention(self):
        ...     title, write = Text("Greetings to be approved"), "hello.greeting.write"
        ...     link = "/admin/greetings?status=new"
        ...     return [Attention("hello.new", title, write, count_new, link)]
        """

    @hookspec
    def admin_register_steps(self, site: Site) -> list[Step]:  # type: ignore[empty-body]  # a hookspec has no body
        """Steps of the checklist for a new site.

        >>> @hookimpl
        ... def admin_register_steps(self):
        ...     title, write = Text("Write a greeting"), "hello.greeting.write"
        ...     return [Step("hello.first", title, write, has_greetings, "/admin/greetings/new")]
        """
