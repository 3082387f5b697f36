"""What tests need of the machine itself: nginx, network namespaces. Absent, they are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.testing.left_out import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

MARKERS = {
    "nginx": "needs nginx",
    "netns": "needs network namespaces, so Linux and root",
}


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine cannot run."""
    for name, why_not in (("nginx", _no_nginx), ("netns", _no_namespaces)):
        _leave_out(config, items, name, why_not)


def _leave_out(
    config: pytest.Config,
    items: list[pytest.Item],
    name: str,
    why_not: Callable[[], str | None],
) -> None:
    marked = [item for item in items if item.get_closest_marker(name)]
    reason = why_not() if marked else None
    if reason is not None:
        config.stash[LeftOut.KEY].suite(name, reason)
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


def _no_nginx() -> str | None:
    from changemaker_core.testing.nginx import find

    return None if find() else "no nginx found; apt-get install nginx-light"


def _no_namespaces() -> str | None:
    from changemaker_core.testing.netns import why_not

    return why_not()
