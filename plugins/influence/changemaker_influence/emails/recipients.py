"""Recipients of a sender: their own representatives, and those that a campaign adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from changemaker_core import FieldError, Invalid, Text
from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_influence.addresses import canonical
from changemaker_influence.emails.schemas import MAX_RECIPIENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from changemaker_influence.campaigns.queries import PublishedCampaign
    from changemaker_influence.campaigns.schemas import RecipientOut
    from changemaker_influence.directories.representatives import Representative

#: The longest name or office in the ledger.
_MAX_LINE: Final = 200
#: As in Canada, without a comma before the last.
_LISTS: Final = {"en": "en_CA", "fr": "fr_CA"}
NO_RECIPIENT = Text("Choose at least one person to write to.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A mailbox to write to, and the people behind it: one letter goes there and names them all.

    ``keys`` identify the people where their address is not shown; ``name`` has all ``names``, in
    the campaign's language, as far as they fit in a line. ``is_public`` is whether the address is.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    name: str
    email: str
    is_public: bool = True
    office: str = ""
    level: str | None = None
    district: str = ""


def targeted(campaign: PublishedCampaign, person: Representative) -> bool:
    """Return whether ``campaign`` targets the level of ``person``."""
    return person.level is not None and person.level in campaign.target_government_levels


def reachable(
    campaign: PublishedCampaign,
    representatives: Iterable[Representative],
    custom: Iterable[RecipientOut],
) -> list[Recipient]:
    """Return the mailboxes that the sender may write to in ``campaign``, and the people behind.

    A campaign's own recipient is one by itself: sharing a mailbox would reveal the address.
    """
    mailboxes: dict[str, list[Representative]] = {}
    for person in representatives:
        if person.email is not None and targeted(campaign, person):
            mailboxes.setdefault(person.email, []).append(person)
    added = custom if campaign.allow_custom_recipients else ()
    elected = [_mailbox(email, people, campaign) for email, people in mailboxes.items()]
    return elected + [
        Recipient(
            keys=(each.id,),
            names=(each.name,),
            name=each.name,
            email=each.email,
            office=each.title,
            is_public=False,
        )
        for each in added
    ]


def _mailbox(
    email: str, people: Sequence[Representative], campaign: PublishedCampaign
) -> Recipient:
    names = tuple(dict.fromkeys(person.name for person in people))
    offices = tuple(dict.fromkeys(person.elected_office for person in people))
    districts = tuple(dict.fromkeys(filter(None, (person.district_name for person in people))))
    return Recipient(
        keys=tuple(person.key for person in people),
        names=names,
        name=joined(names, campaign.language),
        email=email,
        office=shortened(offices, ", ".join(filter(None, offices))),
        level=people[0].level,
        district=shortened(districts, ", ".join(districts)) if districts else "",
    )


def preselected(
    campaign: PublishedCampaign, elected: Sequence[tuple[str, str | None]], custom: Sequence[str]
) -> list[str]:
    """Return the keys of those who are ticked before the visitor has chosen.

    ``elected`` are keys and levels of the representatives who can be written to, ``custom`` the
    keys of the campaign's own recipients. No more are ticked than one message can have.
    """
    everyone = [*(key for key, _ in elected), *custom]
    match campaign.preselected:
        case "FIRST":
            return everyone[:1]
        case "ALL":
            return everyone[:MAX_RECIPIENTS]
        case "LEVELS":
            levels = campaign.preselected_levels or ()
            return [key for key, level in elected if level in levels][:MAX_RECIPIENTS]
        case "NONE":
            return []


def joined(names: Sequence[str], language: str) -> str:
    """Return names as a sentence has them, "Ann, Bo and Cy", "Ann, Bo et Cy", or as many of them as
    fit in 200 characters."""
    if len(names) == 1:
        return shortened(names, names[0])
    from babel.lists import format_list  # most mailboxes are one person's

    return shortened(names, format_list(names, locale=_LISTS.get(language, language)))


def shortened(parts: Sequence[str], whole: str) -> str:
    """Return ``whole``, or as many of its parts as fit in 200 characters."""
    if len(whole) <= _MAX_LINE or len(parts) < 2:
        return whole[:_MAX_LINE]
    fitting = [parts[0][: _MAX_LINE - len(", …")]]
    left = _MAX_LINE - len(fitting[0]) - len(", …")
    for part in parts[1:]:
        left -= len(part) + len(", ")
        if left < 0:
            break
        fitting.append(part)
    return ", ".join((*fitting, "…"))


def are_named(
    people: Sequence[Recipient], *, emails: Sequence[str] = (), keys: Sequence[str] = ()
) -> bool:
    """Return whether all who are named are among ``people``."""
    addresses = {person.email for person in people}
    known = {key for person in people for key in person.keys}
    return addresses.issuperset(map(_canonical_or_empty, emails)) and known.issuperset(keys)


def count_guesses(people: Sequence[Recipient], emails: Iterable[str]) -> int:
    """Return how many of ``emails`` are no public address of ``people``: perhaps guesses."""
    public = {person.email for person in people if person.is_public}
    return sum(_canonical_or_empty(email) not in public for email in emails)


def choose(
    people: Sequence[Recipient], *, emails: Sequence[str] = (), keys: Sequence[str] = ()
) -> list[Recipient]:
    """Return those of ``people`` who were named, each once.

    Raises ``Invalid`` for anyone else, and where no one is named.
    """
    by_email = {person.email: person for person in reversed(people)}
    by_key = {key: person for person in people for key in person.keys}
    chosen, errors = _pick(by_email, map(_canonical_or_empty, emails), "recipient_emails")
    more, more_errors = _pick(by_key, keys, "recipient_keys")
    if errors or more_errors:
        raise Invalid([*errors, *more_errors])
    unique = {(person.email, person.is_public): person for person in [*chosen, *more]}
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
