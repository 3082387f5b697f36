"""API keys over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from changemaker_core import (
    Conflict,
    FieldError,
    Invalid,
    ListQuery,
    NotFound,
    Paginated,
    endpoint,
    paginate,
)
from changemaker_core.features.accounts.keys import services
from changemaker_core.features.accounts.keys.queries import ListedKey, key_of_user, keys_of_user
from changemaker_core.features.accounts.keys.schemas import CreatedKey, CreateKey
from changemaker_core.features.accounts.own import user_of
from changemaker_core.identity import PERMISSIONS

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site


def permissions_of(site: Site) -> dict[str, str]:
    """Return what each permission of a site is for, by its name."""
    registered = (each.item for each in site.loaded.contributions(PERMISSIONS))
    return {each.name: each.description for each in registered}


class KeysResource:
    """``/api/api-keys``"""

    errors: ClassVar = {
        services.TooManyKeys: Conflict(code="too_many_keys"),
        services.PermissionsRefused: lambda error: _refused("permissions", error),
        services.ExpiryRefused: lambda error: _refused("expires_at", error),
    }

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known = permissions_of(site)

    @endpoint(permission="accounts.me.read", query=ListQuery, response=Paginated[ListedKey])
    async def on_get(
        self, req: Request, resp: Response, *, query: ListQuery
    ) -> Paginated[ListedKey]:
        """Your API keys, the newest first."""
        keys = await self._site.db.all(keys_of_user(user_of(req).id))
        return paginate(keys[query.offset : query.offset + query.limit + 1], query, len(keys))

    @endpoint(
        permission="accounts.me.write",
        recent_sign_in=True,
        body=CreateKey,
        response=CreatedKey,
        status=201,
    )
    async def on_post(self, req: Request, resp: Response, *, body: CreateKey) -> CreatedKey:
        """Create an API key.

        ``key`` is shown in this response and never again. Programs send it in the header
        ``x-api-key``. At each request it has those of its permissions that you hold then.
        """
        owner = user_of(req)
        new = await self._site.db.write(
            services.create_key,
            owner,
            name=body.name,
            permissions=body.permissions,
            known=self._known,
            expires_at=body.expires_at,
        )
        created = await self._site.db.get(key_of_user(new.id, owner.id))
        return CreatedKey(**{each: getattr(created, each) for each in _FIELDS}, key=new.key)


_FIELDS = ListedKey.__struct_fields__


def _refused(field: str, error: Exception) -> Invalid:
    return Invalid([FieldError(field, error.args[0])])


class KeyResource:
    """``/api/api-keys/{id}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.write", status=204)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """Revoke one of your API keys: it is refused from then on."""
        if not await self._site.db.write(services.revoke_key, id, user_of(req).id):
            raise NotFound
