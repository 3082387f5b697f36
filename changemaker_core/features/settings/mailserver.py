"""Refusing a mail server whose address is not public, before it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core import Text
from changemaker_core.features.settings.services import SettingsInvalid
from changemaker_core.settings.mailhost import private_address, private_address_now
from changemaker_core.settings.own import MailSettings, ascii_host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Site
    from changemaker_core.settings.reading import Group


async def check_server(site: Site, group: Group, values: Mapping[str, Any]) -> None:
    """Raise ``SettingsInvalid`` where values of ``mail`` name a server that is not public."""
    if (host := _host(site, group, values)) is not None:
        _refuse(host, await private_address(host))


def check_server_now(site: Site, group: Group, values: Mapping[str, Any]) -> None:
    """Do the same as ``check_server``; it blocks for the look-up."""
    if (host := _host(site, group, values)) is not None:
        _refuse(host, private_address_now(host))


def _host(site: Site, group: Group, values: Mapping[str, Any]) -> str | None:
    """Return the host to look at; ``None`` where there is none, or any is allowed."""
    if group.declared.struct is not MailSettings or not site.mail_choice.public_only:
        return None
    named = values.get("host")
    # What is not the name of a host is reported with all else that is wrong.
    return ascii_host(named.strip()) if isinstance(named, str) else None


def _refuse(host: str, address: str | None) -> None:
    if address is not None:
        problem = Text(
            "{host} has the address {address}, which is not public. Only the operator can name"
            " such a server, with smtp_url in the configuration.",
            host=host,
            address=address,
        )
        raise SettingsInvalid({"host": problem})
