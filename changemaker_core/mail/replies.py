"""What a server's reply means: who is refused, and whether to try again.

Reply codes are those of RFC 5321 (section 4.2.3) and RFC 4954 (section 6), enhanced codes those of
RFC 3463 and its registry at IANA, and those that large providers document for their own use.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from changemaker_core.mail.errors import Refused

if TYPE_CHECKING:
    from changemaker_core.mail.errors import Stage

#: Authentication is required, its mechanism too weak, or encryption required for it.
_AUTHENTICATE: Final = frozenset({530, 534, 535, 538})
_ENHANCED: Final = re.compile(r"\s*[45]\.(\d{1,3}\.\d{1,3})\b")
#: Of this message: it is too big, or the address needs what the server does not support.
_OF_MESSAGE: Final = frozenset({"2.3", "3.4", "6.7"})
#: Of the sender's address, account or quota, whatever it is that a server replies to with it.
_OF_SITE: Final = frozenset(
    (
        *("1.7", "1.8"),  # the sender's address
        *("7.8", "7.9", "7.10", "7.11", "7.12", "7.13", "7.14"),  # signing in: RFC 4954, RFC 5248
        *(f"7.{detail}" for detail in range(20, 27)),  # DKIM, SPF, reverse DNS: RFC 7372
        "4.5",  # a daily quota: Gmail
        *("1.90", "2.252", "7.57", "7.60", "7.232", "7.233"),  # Exchange: a limit, the sender
        *("7.501", "7.502", "7.503", "7.506", "7.509", "7.511"),  # Exchange Online: banned
        *(f"7.{detail}" for detail in range(606, 650)),
        *("7.705", "7.708", "7.750"),
    )
)
#: What servers say without a code of its own: Exchange, Amazon SES, SendGrid, and of quotas.
_SAYS_SITE: Final = re.compile(
    r"send ?as ?denied|(address|identity|domain) is not verified|verified sender identity"
    r"|send(ing|er)? (quota|limit)",
    re.IGNORECASE,
)
#: Of what a message says, and of its attachments: RFC 3463, sections 3.7 and 3.8, or in words; but
#: not where the words are about who sends it.
_OF_CONTENT: Final = re.compile(
    r"spam|virus|malware|phish|unsolicited|infected|contents?\b|attachment", re.IGNORECASE
)
_OF_SENDER: Final = re.compile(
    r"\b(ip|address|host|client|reputation|rate|domain)\b|listed\b", re.IGNORECASE
)
#: Servers like to quote addresses; errors end up in logs and lists of jobs.
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
#: A full mailbox: it may be emptied.
_FULL: Final = "2.2"


def refusal(code: int, text: str, stage: Stage) -> Refused:
    """Return the ``Refused`` for a reply that is not the expected one."""
    found = _ENHANCED.match(text)
    enhanced = found[1] if found else ""
    if not 500 <= code <= 599:
        # To sign in is every message's need. 421 may only mean too many connections at once.
        of_site = stage == "connect" and code != 421
        of_content = stage == "data" and _delays_content(code, enhanced, text)
        return Refused(
            code, text, temporary=True, of_site=of_site, of_content=of_content, stage=stage
        )
    if code in _AUTHENTICATE or stage == "connect" or _names_site(enhanced, text):
        return Refused(code, text, temporary=True, of_site=True, stage=stage)
    if stage == "mail" and code != 552 and enhanced not in _OF_MESSAGE:
        return Refused(code, text, temporary=True, of_site=True, stage=stage)
    # A policy (x.7.x) at RCPT is seldom about the recipient, but a list of blocked senders or a
    # relay that is not configured yet: tried again until the job's deadline.
    patient = stage == "rcpt" and (enhanced == _FULL or enhanced.startswith("7."))
    of_content = stage == "data" and _names_content(code, enhanced, text)
    return Refused(code, text, temporary=patient, of_content=of_content, stage=stage)


def _names_content(code: int, enhanced: str, text: str) -> bool:
    """Return whether a message is refused for its size, or for what it says."""
    if code == 552 or enhanced in _OF_MESSAGE or enhanced.startswith("6."):
        return True
    return _OF_CONTENT.search(text) is not None and _OF_SENDER.search(text) is None


def _delays_content(code: int, enhanced: str, text: str) -> bool:
    """Return whether a message must wait for what it says, or for who writes it to whom.

    A filter that has read it defers by policy, 4.7.1 as a rule (greylisting, or a score that is
    high and not high enough), and the next message may pass at once.
    """
    of_policy = enhanced.startswith("7.") and enhanced not in _OF_SITE
    names_sender = _OF_SENDER.search(text) is not None
    return (of_policy and not names_sender) or _names_content(code, enhanced, text)


def _names_site(enhanced: str, text: str) -> bool:
    """Return whether a refusal is of the sender, by its enhanced code, ``7.60``, or its words."""
    if enhanced in _OF_MESSAGE:  # "exceeds the sending limit": of the size of this one
        return False
    return enhanced in _OF_SITE or _SAYS_SITE.search(text) is not None


def without_addresses(text: str) -> str:
    """``550 <a@example.org> unknown`` → ``550 <…> unknown``"""
    return _ADDRESS.sub("…", text)
