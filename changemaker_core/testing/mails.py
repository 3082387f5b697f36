"""The mail that a site under test has sent, with its texts and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.mail.folder import FolderTransport

if TYPE_CHECKING:
    from datetime import datetime
    from email.message import EmailMessage

    from changemaker_core.site import Site

#: An address in plain text, without what ends the sentence.
_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)'’»]")


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail as its reader gets it.

    ``text`` and ``html`` are its bodies, ``""`` where it has none of the kind; ``message`` is all
    of it, as Python's ``EmailMessage``.
    """

    to: str
    subject: str
    text: str
    html: str
    sent_at: datetime
    message: EmailMessage

    @property
    def links(self) -> list[str]:
        """The addresses in its text, in their order."""
        return _LINK.findall(self.text)


def sent_mail(site: Site) -> list[SentMail]:
    """Return the mail that a site without an SMTP server has sent, the last one first.

    Jobs send mail: call ``await run_jobs(site)`` before. Raises ``TypeError`` for a site that has
    an SMTP server, which has received its mail.
    """
    folder = site.mail
    if not isinstance(folder, FolderTransport):
        raise TypeError("the site has an SMTP server; its mail is in `smtp_server.received`")
    found = []
    for stored in folder.messages(limit=1_000_000):
        message = folder.read(stored.id)
        text, html = _body(message, "plain"), _body(message, "html")
        found.append(SentMail(stored.to, stored.subject, text, html, stored.sent_at, message))
    return found


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return "" if part is None else str(part.get_content())
