"""What the public API and the public pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_influence.campaigns.schemas import PublicCard, ShownInList

if TYPE_CHECKING:
    from changemaker_influence.campaigns.queries import CampaignCard

#: Seconds for which a public answer is kept while nothing changes: campaigns begin and end.
CACHED: Final = 30


def public_card(card: CampaignCard) -> PublicCard:
    """A campaign of the public list."""
    shown = {name: getattr(card, name) for name in ShownInList.__struct_fields__}
    return PublicCard(email_count=card.email_count, **shown)
