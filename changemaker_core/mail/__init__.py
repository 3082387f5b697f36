"""Mail: what a message is, and how it is handed over so that its fate is known.

Transports tell apart what is certain (``Refused``) from what nobody can know (``Unanswered``); the
caller commits "this may be sent now" between ``Session.offer`` and ``Session.data``.
"""

from __future__ import annotations

from changemaker_core.mail.errors import HeaderInjection, InvalidAddress, Refused, Unanswered
from changemaker_core.mail.folder import FolderTransport, StoredMail
from changemaker_core.mail.message import Address, Message
from changemaker_core.mail.smtp import SmtpTransport
from changemaker_core.mail.transports import Session, Transport, open_transport

__all__ = [
    "Address",
    "FolderTransport",
    "HeaderInjection",
    "InvalidAddress",
    "Message",
    "Refused",
    "Session",
    "SmtpTransport",
    "StoredMail",
    "Transport",
    "Unanswered",
    "open_transport",
]
