"""The authors of mail templates, as personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_core import ERASED, PersonalData, Text, export_rows
from changemaker_core.features.mailtemplates.models import Version

if TYPE_CHECKING:
    from changemaker_core import Person, Tx


def _by(person: Person) -> Any:
    return Version.changed_by_id.in_(person.user_ids) & (Version.changed_by != ERASED)


def _erase(_tx: Tx, person: Person) -> int:
    return int(Version.update(changed_by=ERASED).where(_by(person)).execute())


AUTHORS: Final = PersonalData(
    "mailtemplates.authors",
    Text("Versions of mail templates"),
    (Version.changed_by,),
    export=lambda person: export_rows(Version, _by(person)),
    erase=_erase,
    keeps=Text("The texts stay without the name of who wrote them."),
)
