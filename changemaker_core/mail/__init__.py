"""Mail: messages, and transports that tell whether a message was delivered.

A failure is certain (``Refused``), or the outcome is not known (``DeliveryUnknown``). The caller
commits "this may be sent now" between ``Session.send_envelope`` and ``Session.send_data``.
"""

from __future__ import annotations

from changemaker_core.mail.canonical import canonical_email
from changemaker_core.mail.errors import (
    AlreadySent,
    DeliveryUnknown,
    HeaderInjection,
    InvalidAddress,
    Refused,
)
from changemaker_core.mail.folder import FolderTransport, StoredMail
from changemaker_core.mail.message import Address, Message
from changemaker_core.mail.smtp import SmtpTransport
from changemaker_core.mail.transports import Session, Transport

__all__ = [
    "Address",
    "AlreadySent",
    "DeliveryUnknown",
    "FolderTransport",
    "HeaderInjection",
    "InvalidAddress",
    "Message",
    "Refused",
    "Session",
    "SmtpTransport",
    "StoredMail",
    "Transport",
    "canonical_email",
]
