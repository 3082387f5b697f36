"""What ``changemaker doctor`` checks of the public pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.diagnostics import Check, Finding
from changemaker_core.web.declarations import HOME_PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.site import Site


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [Check("home page", check_home_page)]


def check_home_page(site: Site) -> Iterator[Finding]:
    """Tell what ``/`` leads to, and warn where several plugins offer a home page."""
    offered = [f"{c.item.path} ({c.plugin.name})" for c in site.loaded.contributions(HOME_PAGES)]
    fix = "Set home_page to the path that visitors should see first."
    if site.home_page is None:
        yield Finding("warning", "No plugin offers a home page: / responds with 404.", fix)
    elif site.config.home_page is None and len(offered) > 1:
        detail = f"Several plugins offer a home page: {', '.join(offered)}. / leads to the first."
        yield Finding("warning", detail, fix)
    else:
        yield Finding("ok", f"/ leads to {site.home_page}.")
