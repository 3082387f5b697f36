"""An application whose database fits the code, or a refusal that says which command mends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core.cli.common import Refusal

if TYPE_CHECKING:
    from changemaker_core.cli.orders import Orders
    from changemaker_core.db.migrations import Step
    from changemaker_core.http.edge import Edge
    from changemaker_core.site import Site

#: Migrations that are named before the rest is only counted.
NAMED = 5


def checked_app(orders: Orders) -> Edge:
    """The application under ``orders``. Raises ``Refusal`` when its database is behind or ahead."""
    from changemaker_core.app import create_app
    from changemaker_core.config import Config

    app = create_app(
        Config.load(Path(orders.site)),
        only=orders.only,
        except_=orders.except_,
        safe_mode=orders.safe_mode,
    )
    refuse_unless_current(app.site)
    return app


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
