"""The development mailbox: shows the mail that was saved to a folder.

Its messages are private. It exists only on a site in development whose mail goes to a folder, and
only for requests from this machine.
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

#: The content security policy of a message in its frame: inline styles, and nothing else.
MESSAGE_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
SHOWN: Final = ("From", "Reply-To", "To", "Subject", "Date", "Message-ID")


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message for its page."""

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
        """List the messages of the development mailbox, newest first."""
        _require_this_machine(req)
        return TemplateResponse("operations/mailbox.html", {"messages": self._transport.messages()})


class MessagePage:
    """``/mailbox/{id}``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Show a message of the development mailbox."""
        _require_this_machine(req)
        message = MessageView.of(id, _read(self._transport, id))
        return TemplateResponse("operations/mailbox_message.html", {"message": message})


class MessageHtml:
    """``/mailbox/{id}/html``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> bytes:
        """Serve the HTML part of a message, for a sandboxed frame."""
        _require_this_machine(req)
        html = _part(_read(self._transport, id), "html")
        if html is None:
            raise NotFound
        resp.content_type = "text/html; charset=utf-8"
        resp.set_header("Content-Security-Policy", MESSAGE_POLICY)
        resp.set_header("X-Frame-Options", "SAMEORIGIN")
        return html.encode()


def _require_this_machine(req: Request) -> None:
    # Check the host name too: behind a proxy missing from trusted_proxies every client has this
    # machine's address, and a hostile page may point its own name to it.
    if not ip_address(req.client_ip).is_loopback or req.host not in LOOPBACK_NAMES:
        raise NotFound


def _read(transport: FolderTransport, message_id: str) -> EmailMessage:
    try:
        return transport.read(message_id)
    except KeyError:
        raise NotFound from None


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else str(part.get_content())
