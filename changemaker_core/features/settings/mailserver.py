"""Refusing a mail server whose address is not public, before it is stored."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import Text
from changemaker_core.config.email_address import ascii_domain
from changemaker_core.features.settings.services import SettingsInvalid
from changemaker_core.outgoing.addresses import not_public, resolve, resolve_now
from changemaker_core.settings.own import MailSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from changemaker_core import Site
    from changemaker_core.settings.reading import Group

#: Seconds for a look-up: a request waits for it.
LOOK_UP_SECONDS: Final = 5


async def check_server(site: Site, group: Group, values: Mapping[str, Any]) -> None:
    """Raise ``SettingsInvalid`` where values of ``mail`` name a server that is not public.

    A name that has no address at present can be stored: trying the server reports it, and each
    connection looks at the addresses that there are then.
    """
    host = _host(site, group, values)
    if host is None:
        return
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(LOOK_UP_SECONDS):
            addresses = await resolve(host, 0)
        _refuse(host, addresses)


def check_server_now(site: Site, group: Group, values: Mapping[str, Any]) -> None:
    """Do the same as ``check_server``; it blocks for the look-up."""
    host = _host(site, group, values)
    if host is None:
        return
    with contextlib.suppress(OSError):
        _refuse(host, resolve_now(host))


def _host(site: Site, group: Group, values: Mapping[str, Any]) -> str | None:
    """Return the host to look at; ``None`` where there is none, or any is allowed."""
    named = values.get("host")
    if group.declared.struct is not MailSettings or not site.mail_choice.public_only:
        return None
    if not isinstance(named, str) or not named.strip():
        return None
    try:
        return ascii_domain(named.strip())
    except UnicodeError:  # no name of a host: reported with what else is wrong
        return None


def _refuse(host: str, addresses: Sequence[str]) -> None:
    if (address := not_public(addresses)) is not None:
        problem = Text(
            "{host} has the address {address}, which is not public. Only the operator can name"
            " such a server, with smtp_url in the configuration.",
            host=host,
            address=address,
        )
        raise SettingsInvalid({"host": problem})
