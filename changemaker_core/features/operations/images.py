"""Images of plugins: served, and deleted when none uses them any more."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from changemaker_core import NotFound, SendFile, endpoint
from changemaker_core.web.images import IMAGE_USES

if TYPE_CHECKING:
    from changemaker_core import JobRun, Request, Response, Site

log = logging.getLogger(__name__)

TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class ImageFile:
    """``/images/{owner}/{name}/{file}``"""

    def __init__(self, site: Site) -> None:
        self._images = site.images

    @endpoint(public=True)
    async def on_get(
        self, req: Request, resp: Response, *, owner: str, name: str, file: str
    ) -> SendFile:
        """Serve an image in one width."""
        path = self._images.file(owner, name, file)
        if path is None:
            raise NotFound
        # The path has a hash of the content.
        resp.set_header("Cache-Control", "public, max-age=31536000, immutable")
        return SendFile(path, TYPES[file.rpartition(".")[2]], etag=f"{name}-{file}")


def delete_unused_images(run: JobRun) -> None:
    """Delete images that no plugin uses. Only plugins that say which they use lose any.

    Where one of a plugin's uses fails, nothing is deleted and the job is retried.
    """
    site = run.site
    used: defaultdict[str, set[str]] = defaultdict(set)
    for contribution in site.loaded.contributions(IMAGE_USES):
        used[contribution.plugin.name].update(contribution.item.find(site))
    for plugin, paths in used.items():
        if deleted := site.images.delete_unused(plugin, paths):
            log.info("deleted %d unused images of %s", deleted, plugin)
