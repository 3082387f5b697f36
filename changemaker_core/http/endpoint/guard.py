"""What stands in front of each responder of a site: limits, authorisation, validation, errors."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from changemaker_core.http import authentication, rendering
from changemaker_core.http.bodies import decoding
from changemaker_core.http.endpoint import recent_sign_in
from changemaker_core.http.endpoint.declaration import declared
from changemaker_core.http.endpoint.domain_errors import DomainErrors, table_of
from changemaker_core.http.endpoint.watching import Watching
from changemaker_core.http.response import security_policy
from changemaker_core.http.sessions import csrf
from changemaker_core.identity.actor import ANY_OBJECT, current_actor
from changemaker_core.identity.origin import current_origin
from changemaker_core.shared.windows import window_for
from changemaker_core.web.pages import TemplateResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from changemaker_core.http.declarations import Route
    from changemaker_core.http.endpoint.declaration import Endpoint
    from changemaker_core.http.request import Request, Response
    from changemaker_core.limits.windows import MemoryWindow
    from changemaker_core.plugin.contributions import Contribution
    from changemaker_core.site import Site

    Responder = Callable[..., Awaitable[Any]]
    Mounted = Callable[..., Awaitable[None]]

#: The attribute of a mounted responder that holds its site's ``Endpoint``.
_ENDPOINT = "__mounted_endpoint__"


def endpoint_of(responder: Any) -> Endpoint | None:
    """Return the endpoint of a mounted responder; ``None`` for one of Falcon's own (405)."""
    return getattr(responder, _ENDPOINT, None)


class Guards:
    """Makes the mounted responders of one site: two sites in a process share none of them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._windows: dict[str, MemoryWindow] = {}
        self._logged: set[str] = set()

    def guard(self, contributed: Contribution[Route], responder: Any) -> Mounted:
        """Return ``responder`` behind everything that its declaration asks for."""
        declaration = declared(responder)
        if declaration is None:  # refused at boot; nothing may open a route by accident
            raise TypeError(f"{responder.__qualname__} has no @endpoint")
        spec = declaration.resolve(self._site.loaded.config_for(contributed.plugin))
        errors = DomainErrors(
            table_of(contributed.item.resource), table_of(contributed.plugin.instance)
        )
        if spec.recent_sign_in:
            responder = _confirmed(responder)
        if spec.cache is not None:
            responder = _watched(responder, spec, self._logged)
        mounted = _guarded(responder, spec, self._window(responder, spec), errors, self._csp(spec))
        setattr(mounted, _ENDPOINT, spec)
        return mounted

    def _window(self, responder: Any, spec: Endpoint) -> MemoryWindow | None:
        """Return the window of a limit: a responder has one, at however many paths it is."""
        if spec.rate_limit is None:
            return None
        name = f"{responder.__module__}.{responder.__qualname__}"
        if name not in self._windows:
            self._windows[name] = window_for(self._site, spec.rate_limit, name)
        return self._windows[name]

    def _csp(self, spec: Endpoint) -> str | None:
        if not spec.csp:
            return None
        config = self._site.config
        return security_policy(config.content_origins, spec.csp, config.static_url)


def _confirmed(responder: Responder) -> Responder:
    """Return the responder of those who have signed in a moment ago; others are led to do so."""

    @functools.wraps(responder)
    async def confirmed(req: Request, resp: Response, **params: Any) -> Any:
        page = await recent_sign_in.recent_sign_in_page(req, params.get("form"))
        return await responder(req, resp, **params) if page is None else page

    return confirmed


def _watched(responder: Responder, spec: Endpoint, logged: set[str]) -> Responder:
    """Return the responder of cached responses, which may depend on nothing of the visitor's."""

    @functools.wraps(responder)
    async def watched(req: Request, resp: Response, **params: Any) -> Any:
        if req.cache_key is None:
            return await responder(req, resp, **params)
        with Watching(req, logged) as watching:
            value = await responder(req, resp, **params)
            if isinstance(value, TemplateResponse) and "Accept-Language" not in spec.varies:
                fix = 'Declare varies=("Accept-Language",).'
                watching.noticed("the reader's language, in a template", fix)
            return value

    return watched


def _guarded(
    responder: Responder,
    spec: Endpoint,
    window: MemoryWindow | None,
    errors: DomainErrors,
    csp: str | None,
) -> Mounted:
    async def guarded(req: Request, resp: Response, **params: Any) -> None:
        if window is not None:
            req.count(window, "route")
        if req.method not in authentication.SAFE_METHODS:
            authentication.refuse_cross_site(req)
        if spec.permission is not None or req.has_credentials:
            await authentication.authorise(req, spec.permission, spec.on, params)
            if spec.on == ANY_OBJECT and spec.permission is not None and req.actor is not None:
                params["objects"] = req.actor.objects(spec.permission)
        if spec.query is not None:
            params["query"] = decoding.query(req, spec.query)
        if spec.body is not None:
            params["body"] = await decoding.body(req, spec.body)
        elif spec.form is not None:
            params["form"] = await decoding.form(req, spec.form)
        elif spec.streams is not None:
            decoding.expect_stream(req, spec.streams)
        if req.session is not None and req.method not in authentication.SAFE_METHODS:
            # A public page may be cached, and then cannot hold a token for its form.
            csrf.require_proof(req, by_token=spec.form is not None and not spec.public)
        token, cause = current_actor.set(req.actor), current_origin.set(req)
        try:
            value = await responder(req, resp, **params)
        except Exception as error:
            problem = errors.problem_of(error)
            if problem is None:
                raise
            raise problem from error
        finally:
            current_origin.reset(cause)
            current_actor.reset(token)
        if isinstance(value, TemplateResponse):
            cached, public = spec.cache is not None, spec.public
            await rendering.page(req, resp, value, cached=cached, public=public)
        else:
            rendering.fill(req, resp, value, spec.status, spec.produces)
        if csp is not None:
            resp.set_header("Content-Security-Policy", csp)

    return guarded
