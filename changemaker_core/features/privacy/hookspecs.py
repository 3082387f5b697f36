"""The hook that privacy offers to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Claim, Kind, hookspec
from changemaker_core.features.privacy.declarations import PersonalData

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site


def _claims(data: PersonalData, plugin: str) -> Iterator[Claim]:
    # This feature brings what core's rooms store.
    yield Claim("personal data", data.name, prefix="" if plugin == "privacy" else f"{plugin}.")


PERSONAL_DATA = Kind(
    "privacy_register_personal_data",
    PersonalData,
    _claims,
    calls=("export(person)", "erase(tx, person)", "entry(row)"),
)


class PrivacyHooks:
    """Hooks about personal data."""

    @hookspec
    def privacy_register_personal_data(self, site: Site) -> list[PersonalData]:  # type: ignore[empty-body]  # a hookspec has no body
        """What a plugin stores about people, how it is exported, and how it is erased.

        >>> @hookimpl
        ... def privacy_register_personal_data(self):
        ...     def mine(person):
        ...         return Greeting.email.in_(person.emails)
        ...
        ...     greetings = PersonalData(
        ...         "hello.greetings",
        ...         Text("Greetings"),
        ...         columns=(Greeting.name, Greeting.email),
        ...         export=lambda person: export_rows(Greeting, mine(person)),
        ...         erase=lambda tx, person: delete_rows(Greeting, mine(person)),
        ...     )
        ...     return [greetings]
        """
