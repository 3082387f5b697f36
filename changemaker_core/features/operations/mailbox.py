"""The development mailbox: shows the mail that was saved to a folder.

Its messages are private. It exists only on a site in development whose mail goes to a folder, and
only for the browser that has opened the link which was printed when the site started: where a
request comes from proves nothing, since behind a proxy that is not configured all come from this
machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import Forbidden, NotFound, Redirect, TemplateResponse, Text, endpoint
from changemaker_core.features.operations.mailbox_link import MAILBOX, is_key

if TYPE_CHECKING:
    from email.message import EmailMessage

    from changemaker_core import Request, Response
    from changemaker_core.mail import FolderTransport

#: The content security policy of a message in its frame: inline styles, and nothing else.
MESSAGE_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
_COOKIE: Final = "cm_mailbox"
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


class MailboxQuery(msgspec.Struct, frozen=True):
    """The key in the link to the mailbox."""

    key: str = ""


class MailboxPage:
    """``/mailbox``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True, query=MailboxQuery)
    async def on_get(
        self, req: Request, resp: Response, *, query: MailboxQuery
    ) -> TemplateResponse | Redirect:
        """List the messages of the development mailbox, newest first."""
        if is_key(req.site.config, query.key):
            return Redirect(MAILBOX, headers=(_cookie(req, query.key),))
        _require_key(req)
        return TemplateResponse("operations/mailbox.html", {"messages": self._transport.messages()})


class MessagePage:
    """``/mailbox/{id}``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Show a message of the development mailbox."""
        _require_key(req)
        message = MessageView.of(id, _read(self._transport, id))
        return TemplateResponse("operations/mailbox_message.html", {"message": message})


class MessageHtml:
    """``/mailbox/{id}/html``"""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> bytes:
        """Serve the HTML part of a message, for a sandboxed frame."""
        _require_key(req)
        html = _part(_read(self._transport, id), "html")
        if html is None:
            raise NotFound
        resp.content_type = "text/html; charset=utf-8"
        resp.set_header("Content-Security-Policy", MESSAGE_POLICY)
        resp.set_header("X-Frame-Options", "SAMEORIGIN")
        return html.encode()


def _require_key(req: Request) -> None:
    sent = req.get_cookie_values(_COOKIE) or [""]
    if not is_key(req.site.config, sent[0]):
        raise Forbidden(
            Text("Open the mailbox by the link that was printed when the site started.")
        )


def _cookie(req: Request, key: str) -> tuple[str, str]:
    path = f"{req.root_path}{MAILBOX}"
    return "Set-Cookie", f"{_COOKIE}={key}; Path={path}; HttpOnly; SameSite=Lax"


def _read(transport: FolderTransport, message_id: str) -> EmailMessage:
    try:
        return transport.read(message_id)
    except KeyError:
        raise NotFound from None


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else str(part.get_content())
