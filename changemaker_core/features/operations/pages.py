"""The home page and static files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import NotFound, Redirect, endpoint

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site


class HomePage:
    """``/``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> Redirect:
        """Redirect to the site's home page: the operator's choice, else a plugin's."""
        if self._site.home_page is None:
            raise NotFound
        return Redirect(self._site.home_page, status=302)


class ServiceWorkerScript:
    """``/service-workers/{slug}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> bytes:
        """Serve a service worker, for pages outside of this path too."""
        worker = self._site.service_workers.find(slug)
        if worker is None:
            raise NotFound
        resp.content_type = "text/javascript; charset=utf-8"
        resp.set_header("Service-Worker-Allowed", req.root_path + worker.scope)
        resp.set_header("Cache-Control", "no-cache")
        return self._site.service_workers.script(worker, req.root_path)


class StaticFile:
    """``/static/{path}``"""

    def __init__(self, site: Site) -> None:
        self._static = site.static

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, path: str) -> bytes | Redirect:
        """Serve a style sheet, script or image of core or a plugin.

        An address of an earlier version, as a page has it that was open during an upgrade, leads
        to the file as it is now.
        """
        moved = self._static.moved(path)
        if moved is not None:
            return Redirect(moved, status=302, headers=(("cache-control", "no-cache"),))
        file = await self._static.response(
            path,
            if_none_match=req.get_header("If-None-Match"),
            accept_encoding=req.get_header("Accept-Encoding") or "",
        )
        if file is None:
            raise NotFound
        resp.status = file.status
        resp.set_headers(list(file.headers))
        return file.body
