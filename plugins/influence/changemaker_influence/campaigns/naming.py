"""Which slug a campaign gets: none that another one has, or had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import FieldError, Invalid, Text
from changemaker_influence.campaigns import queries
from changemaker_influence.campaigns.models import FormerSlug
from changemaker_influence.campaigns.slugs import free_slug

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_influence.campaigns.schemas import CampaignOut

#: Held while a slug is chosen, until it is stored: no constraint covers two tables.
_LOCK: Final = "influence.slugs"
TAKEN: Final = Text(
    "Another campaign has this address, or had it before: shared links lead there. Choose another."
)


def free_slug_for(tx: Tx, title: str, own: str | None = None) -> str:
    """Return the slug for a title, numbered where it is taken by another campaign than ``own``."""
    tx.lock(_LOCK)
    return free_slug(title, _TakenSlugs(own))


def check_free(tx: Tx, slug: str, own: str) -> None:
    """Raise ``Invalid`` for a slug that another campaign than ``own`` has or had."""
    tx.lock(_LOCK)
    if slug in _TakenSlugs(own):
        raise Invalid([FieldError("slug", TAKEN)])


def record_former(tx: Tx, before: CampaignOut, slug: str) -> None:
    """Let the address that a published campaign has had until now lead to its new one."""
    taken_back = (FormerSlug.slug == slug) & (FormerSlug.campaign == before.id)
    FormerSlug.delete().where(taken_back).execute()
    FormerSlug.insert(slug=before.slug, campaign=before.id, created_at=tx.now).execute()


class _TakenSlugs:
    """The slugs of campaigns but one, as a container that looks each one up."""

    def __init__(self, own: str | None) -> None:
        self._own = own

    def __contains__(self, slug: object) -> bool:
        text = str(slug)
        owner = queries.id_of_slug(slug=text).one() or queries.id_of_former_slug(slug=text).one()
        return owner not in (None, self._own)
