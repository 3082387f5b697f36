"""One test for all personal data of a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Person, PersonalData, Site


def check_personal_data(site: Site) -> None:
    """Raise ``AssertionError`` where personal data of a site's plugins would not be found.

    Each text column that looks personal is declared, and the functions of each declaration do what
    they must for a person of whom nothing is stored.
    """
    from changemaker_core import Person
    from changemaker_core.features.privacy.columns import undeclared, unknown_exemptions
    from changemaker_core.features.privacy.services import kinds_of

    problems = [
        f"{each} is in no PersonalData, nor in Meta.not_personal" for each in undeclared(site)
    ]
    problems += [f"{each}, in Meta.not_personal, is no column" for each in unknown_exemptions(site)]
    nobody = Person(("nobody@nowhere.invalid",), ("00000000-0000-7000-8000-000000000000",))
    for kind in kinds_of(site):
        problems += [f"{kind.name}: {problem}" for problem in _problems(site, kind, nobody)]
    if problems:
        raise AssertionError("\n".join(problems))


def _problems(site: Site, kind: PersonalData, nobody: Person) -> Iterator[str]:
    rows = site.db.sync.read(lambda: list(kind.export(nobody)))
    if rows:
        yield f"export returns {len(rows)} rows of a person of whom nothing is stored"
    if not all(isinstance(row, Mapping) for row in rows):
        yield "export returns rows that are no dictionaries"
    if (erased := site.db.sync.write(kind.erase, nobody)) != 0:
        yield f"erase returns {erased!r} where there is nothing to erase, not 0"
    if kind.retention is not None:
        long_ago = site.clock().replace(year=1990)
        if (count := site.db.sync.read(kind.retention.count, long_ago)) != 0:
            yield f"retention.count returns {count!r} for what is older than 1990, not 0"
        if (expired := site.db.sync.write(kind.retention.expire, long_ago)) != 0:
            yield f"retention.expire returns {expired!r} for what is older than 1990, not 0"
