"""What plugins declare about images: which of theirs are in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.plugin.contributions import Kind, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from changemaker_core.site import Site


@dataclass(frozen=True, slots=True)
class ImageUse:
    """The images of a plugin that are in use: ``ImageUse("petitions.covers", covers)``.

    ``find(site)`` runs in a job, and returns the paths that ``site.images.add`` returned for them;
    other texts among them do no harm. A plugin's images that none of its uses finds are deleted
    after a week. The name begins with the plugin's.
    """

    name: str
    find: Callable[[Site], Iterable[str]]


IMAGE_USES: Kind[ImageUse] = Kind(
    "cm_register_image_uses", ImageUse, named("image use", "."), calls=("find(site)",)
)
