"""What ``changemaker doctor`` checks of settings: whether what is stored can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Check, Finding
from changemaker_core.settings.stored import stored_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site


def checks() -> list[Check]:
    """Return the checks of this feature."""
    return [Check("settings.stored", check_stored, requires=("migrations",))]


def check_stored(site: Site) -> Iterator[Finding]:
    """Report settings that are stored and not used: of another type, or of no plugin."""
    settings = site.settings
    sound = True
    for row in site.db.sync.all(stored_groups()):
        group = settings.group(row.name)
        if group is None:
            detail = f"The settings of {row.name!r} belong to no plugin that is loaded."
            yield Finding("warning", detail, "They are kept, for when it is installed again.")
            sound = False
            continue
        for name, problem in settings.read_group(group, row).problems.items():
            field = group.fields.get(name)
            if field is None:
                detail = f"{row.name}.{name} is stored, and is not a setting any more."
                fix = "It is kept. Should the plugin have renamed it, set the new one."
            elif field.is_secret:
                detail = f"{row.name}.{name} cannot be decrypted: {problem}."
                fix = f"Or enter it again: `changemaker settings set {row.name} {name}=-`."
            else:
                detail = f"The default of {row.name}.{name} is used: {problem}"
                fix = f"`changemaker settings set {row.name} {name}=VALUE` sets another value."
            yield Finding("warning", detail, fix)
            sound = False
    if sound:
        yield Finding("ok", "All settings that are stored are in use.")
