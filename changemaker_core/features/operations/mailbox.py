"""The development mailbox: mail that went to a folder, for whoever tries the site out.

It shows private messages to everybody, so it exists only on a site in development whose mail goes
to a folder, and answers only requests from this machine.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from changemaker_core import NotFound, Page, endpoint

if TYPE_CHECKING:
    from changemaker_core import Request, Response
    from changemaker_core.mail import FolderTransport


class MailboxPage:
    """``/mailbox``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> Page:
        """Every message in the development mailbox, newest first."""
        _refuse_strangers(req)
        return Page("operations/mailbox.html", {"messages": self._transport.messages()})


class MessagePage:
    """``/mailbox/{id}``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> Page:
        """One message of the development mailbox."""
        _refuse_strangers(req)
        message = self._transport.message(id)
        if message is None:
            raise NotFound
        return Page("operations/mailbox_message.html", {"message": message})


class MessageHtml:
    """``/mailbox/{id}/html``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> bytes:
        """The HTML part of a message, for a sandboxed frame."""
        _refuse_strangers(req)
        message = self._transport.message(id)
        if message is None or message.html is None:
            raise NotFound
        resp.content_type = "text/html; charset=utf-8"
        resp.set_header(
            "Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'"
        )
        return message.html.encode()


def _refuse_strangers(req: Request) -> None:
    if not ip_address(req.client_ip).is_loopback:
        raise NotFound
