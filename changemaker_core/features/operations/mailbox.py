"""The development mailbox: mail that went to a folder, for whoever tries the site out.

It shows private messages to everybody, so it exists only on a site in development whose mail goes
to a folder, and answers only requests from this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from changemaker_core import NotFound, TemplateResponse, endpoint

if TYPE_CHECKING:
    from email.message import EmailMessage

    from changemaker_core import Request, Response
    from changemaker_core.mail import FolderTransport

#: What a message may do in its frame: look like something, and nothing else.
MESSAGE_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
SHOWN: Final = ("From", "Reply-To", "To", "Subject", "Date", "Message-ID")


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as its page shows it."""

    id: str
    subject: str
    headers: list[tuple[str, str]]
    text: str | None
    has_html: bool

    @classmethod
    def of(cls, message_id: str, message: EmailMessage) -> MessageView:
        return cls(
            id=message_id,
            subject=str(message["Subject"] or ""),
            headers=[(name, str(message[name])) for name in SHOWN if name in message],
            text=_part(message, "plain"),
            has_html=_part(message, "html") is not None,
        )


class MailboxPage:
    """``/mailbox``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Every message in the development mailbox, newest first."""
        _refuse_strangers(req)
        return TemplateResponse("operations/mailbox.html", {"messages": self._transport.messages()})


class MessagePage:
    """``/mailbox/{id}``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """One message of the development mailbox."""
        _refuse_strangers(req)
        message = MessageView.of(id, _found(self._transport, id))
        return TemplateResponse("operations/mailbox_message.html", {"message": message})


class MessageHtml:
    """``/mailbox/{id}/html``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> bytes:
        """The HTML part of a message, for a sandboxed frame."""
        _refuse_strangers(req)
        html = _part(_found(self._transport, id), "html")
        if html is None:
            raise NotFound
        resp.content_type = "text/html; charset=utf-8"
        resp.set_header("Content-Security-Policy", MESSAGE_POLICY)
        resp.set_header("X-Frame-Options", "SAMEORIGIN")
        return html.encode()


def _refuse_strangers(req: Request) -> None:
    # The name too: behind a proxy that nobody configured everybody comes from this machine, and a
    # hostile page may give its own name this machine's address.
    if not ip_address(req.client_ip).is_loopback or req.host not in LOOPBACK_NAMES:
        raise NotFound


def _found(transport: FolderTransport, message_id: str) -> EmailMessage:
    try:
        return transport.read(message_id)
    except KeyError:
        raise NotFound from None


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else str(part.get_content())
