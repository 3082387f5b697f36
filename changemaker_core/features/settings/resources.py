"""Settings over HTTP."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from changemaker_core import (
    Conflict,
    FieldError,
    Invalid,
    NotFound,
    Problem,
    Text,
    check_recent_sign_in,
    endpoint,
)
from changemaker_core.features.settings import services
from changemaker_core.features.settings.changing import written
from changemaker_core.features.settings.queries import version
from changemaker_core.features.settings.schemas import (
    ChangeSettings,
    GroupOut,
    Groups,
    History,
    HistoryQuery,
    ImageOut,
    PublicSettings,
    RollBack,
)
from changemaker_core.features.settings.views import (
    choices_of,
    group_out,
    history_of,
    public_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core import Request, Response, Site
    from changemaker_core.settings.reading import Group

READ = "settings.read"
WRITE = "settings.write"
CHANGED = {
    401: "The group needs a recent sign-in.",
    409: "The settings have another version than the one in the body.",
    412: "The settings have another version than If-Match names.",
}


class GroupsResource:
    """``/api/settings``"""

    @endpoint(permission=READ, response=Groups)
    async def on_get(self, req: Request, resp: Response) -> Groups:
        """All settings: values, labels, what is allowed, and what the operator has locked."""
        return Groups([group_out(req.site, each, req.locale) for each in req.site.settings.groups])


class PublicResource:
    """``/api/settings/public``"""

    @endpoint(public=True, response=PublicSettings, cache=300, varies=())
    async def on_get(self, req: Request, resp: Response) -> PublicSettings:
        """The settings that everybody may see."""
        return PublicSettings(public_values(req.site))


class GroupResource:
    """``/api/settings/{slug}``"""

    @endpoint(permission=READ, response=GroupOut)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> GroupOut:
        """One group of settings. Its ETag is its version."""
        return _shown(req, resp, group_of(req.site, slug))

    @endpoint(permission=WRITE, body=ChangeSettings, response=GroupOut, responses=CHANGED)
    async def on_patch(
        self, req: Request, resp: Response, *, slug: str, body: ChangeSettings
    ) -> GroupOut:
        """Change settings. All of them are changed, or none."""
        group = group_of(req.site, slug)
        changed = partial(
            services.change, values=body.values, choices=choices_of(req.site), version=body.version
        )
        return await _written(req, resp, group, changed, body.values)


class HistoryResource:
    """``/api/settings/{slug}/history``"""

    @endpoint(permission=READ, query=HistoryQuery, response=History)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, query: HistoryQuery
    ) -> History:
        """What was changed, when, and by whom."""
        group = group_of(req.site, slug)
        return await history_of(req.site, group, req.locale, query.before, query.limit)


class RollBackResource:
    """``/api/settings/{slug}/rollback``"""

    @endpoint(permission=WRITE, body=RollBack, response=GroupOut, responses=CHANGED)
    async def on_post(self, req: Request, resp: Response, *, slug: str, body: RollBack) -> GroupOut:
        """Return to an earlier version, as a new one."""
        group = group_of(req.site, slug)
        changed = partial(services.roll_back, to=body.to, version=body.version)
        then = await req.site.db.one(version(group.name, body.to))
        return await _written(req, resp, group, changed, {} if then is None else then.data)


class ImagesResource:
    """``/api/settings/images``"""

    @endpoint(
        permission=WRITE,
        streams="image/*",
        response=ImageOut,
        status=201,
        max_body=30_000_000,
        rate_limit="20/minute",
    )
    async def on_post(self, req: Request, resp: Response) -> ImageOut:
        """Store a picture, to be the value of a setting. One that is none is deleted later."""
        parts = [chunk async for chunk in req.chunks()]
        return ImageOut(await req.site.images.add("settings", b"".join(parts)))


def group_of(site: Site, slug: str) -> Group:
    """Return the group of this name. Raises ``NotFound``."""
    group = site.settings.group(slug)
    if group is None:
        raise NotFound(Text("There is no group of settings called {name}.", name=slug))
    return group


def _shown(req: Request, resp: Response, group: Group) -> GroupOut:
    shown = group_out(req.site, group, req.locale)
    resp.set_header("ETag", f'"{shown.version}"')
    return shown


async def _written(
    req: Request,
    resp: Response,
    group: Group,
    changed: Callable[..., Any],
    values: Mapping[str, Any],
) -> GroupOut:
    """Write what sets ``values``, and respond with the group as it is then."""
    site = req.site
    if group.declared.recent_sign_in:
        await check_recent_sign_in(req)
    matched = _version_of(req.get_header("If-Match"))

    # Both ways of saying it: a header for programs, a field for forms.
    given = changed.keywords.get("version") if isinstance(changed, partial) else None
    seen = given if matched is None else matched
    try:
        await written(site, group, partial(changed, version=seen), values)
    except services.SettingsInvalid as error:
        raise invalid(error) from None
    except services.UnknownVersion:
        raise Invalid([FieldError("to", Text("There is no such version."))]) from None
    except services.SettingsChanged as error:
        raise _conflict(error, 409 if matched is None else 412) from None
    return _shown(req, resp, group)


def invalid(error: services.SettingsInvalid) -> Invalid:
    """Return the response for values that a group cannot have."""
    return Invalid([FieldError(f"values.{name}", text) for name, text in error.problems.items()])


def _conflict(error: services.SettingsChanged, status: int) -> Problem:
    title = Text("These settings were changed meanwhile.")
    if error.current is None:
        detail: Text | None = None
    else:
        detail = Text(
            "{who} changed them: the version is {version} now. Look at the change, and make yours"
            " again.",
            who=error.current.changed_by_name,
            version=error.current.version,
        )
    if status == 409:
        return Conflict(detail or title, code="settings_changed")
    return Problem(status, "settings_changed", title, detail=detail)


def _version_of(if_match: str | None) -> int | None:
    """Return the version that ``If-Match`` names; one that no group has for any other text."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    return int(text) if text.isdecimal() and len(text) < 10 else -1
