"""Recipients of a sender: their own representatives, and those that a campaign adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core import FieldError, Invalid, Text
from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_influence.addresses import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from changemaker_influence.campaigns.queries import PublishedCampaign
    from changemaker_influence.campaigns.schemas import RecipientOut
    from changemaker_influence.directories.representatives import Representative

NO_RECIPIENT = Text("Choose at least one person to write to.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A person to write to. ``key`` identifies them where their address is not shown.

    ``is_public`` is whether their address is: where it is not, it names nobody, since whoever tried
    addresses would else find out which one it is.
    """

    key: str
    name: str
    email: str
    is_public: bool = True
    office: str = ""
    level: str | None = None


def targeted(campaign: PublishedCampaign, person: Representative) -> bool:
    """Return whether ``campaign`` targets the level of ``person``."""
    return person.level is not None and person.level in campaign.target_government_levels


def reachable(
    campaign: PublishedCampaign,
    representatives: Iterable[Representative],
    custom: Iterable[RecipientOut],
) -> list[Recipient]:
    """Return all whom the sender may write to in ``campaign``."""
    elected = [
        Recipient(
            key=person.key,
            name=person.name,
            email=person.email,
            office=person.elected_office,
            level=person.level,
        )
        for person in representatives
        if person.email is not None and targeted(campaign, person)
    ]
    added = custom if campaign.allow_custom_recipients else ()
    return elected + [
        Recipient(key=each.id, name=each.name, email=each.email, office=each.title, is_public=False)
        for each in added
    ]


def choose(
    people: Sequence[Recipient], *, emails: Sequence[str] = (), keys: Sequence[str] = ()
) -> list[Recipient]:
    """Return those of ``people`` who were named, each address once.

    Raises ``Invalid`` for anyone else, and where no one is named.
    """
    by_email = {person.email: person for person in reversed(people) if person.is_public}
    by_key = {person.key: person for person in people}
    chosen, errors = _pick(by_email, map(_canonical_or_empty, emails), "recipient_emails")
    more, more_errors = _pick(by_key, keys, "recipient_keys")
    if errors or more_errors:
        raise Invalid([*errors, *more_errors])
    unique = {person.email: person for person in [*chosen, *more]}
    if not unique:
        raise Invalid([FieldError("recipient_keys", NO_RECIPIENT)])
    return list(unique.values())


def _canonical_or_empty(email: str) -> str:
    """Return the canonical address; an empty one, which matches no one, for what is no address."""
    try:
        return canonical(email)
    except (InvalidAddress, HeaderInjection):
        return ""


def _pick(
    people: Mapping[str, Recipient], names: Iterable[str], field: str
) -> tuple[list[Recipient], list[FieldError]]:
    problem = Text("This person is not one of your representatives for this campaign.")
    chosen = [(index, people.get(name)) for index, name in enumerate(names)]
    errors = [FieldError(f"{field}[{index}]", problem) for index, found in chosen if found is None]
    return [found for _, found in chosen if found is not None], errors
