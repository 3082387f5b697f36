"""What links in mails are for, how long they last, and how many are sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from changemaker_core import SlidingWindow, Text

#: Mails that one visitor asks for, to whatever addresses: forty people may share a Wi-Fi.
PER_VISITOR: Final = SlidingWindow("accounts.links.visitor", 60, timedelta(hours=1))
_PER_ADDRESS: Final = 3
#: Invitations that are sent once more because somebody asks, who may be anybody.
ASKED: Final = SlidingWindow("accounts.invitations.asked", 5, timedelta(days=1))
#: Mails with which members of the team invite one person again.
INVITATIONS: Final = SlidingWindow("accounts.invitations", 5, timedelta(days=1))


@dataclass(frozen=True)
class Purpose:
    """What a link is for: the page at ``path`` that it opens, and how long it ``lasts``.

    ``ended`` tells its holder what to do when it is no longer valid, at the page ``again``.
    """

    name: str
    path: str
    lasts: timedelta
    ended: Text
    again: str

    @property
    def per_address(self) -> SlidingWindow:
        """The mails to one address: as many as are valid at a time.

        So who asks for many in the name of somebody else keeps nobody out: while no further one
        is sent, the last one in the mailbox is valid, unless its owner has used one.
        """
        return SlidingWindow(f"accounts.links.{self.name}", _PER_ADDRESS, self.lasts)


REGISTRATION: Final = Purpose(
    "registration",
    "/join",
    timedelta(hours=24),
    Text("If you have no account yet, enter your email address again to get a new link."),
    "/register",
)
INVITATION: Final = Purpose(
    "invitation",
    "/join",
    timedelta(days=7),
    Text("If you were invited and have no password yet, get a new link here."),
    "/forgot-password",
)
RESET: Final = Purpose(
    "reset",
    "/reset-password",
    timedelta(hours=1),
    Text("If you still need a new password, get a new link here."),
    "/forgot-password",
)
SIGN_IN: Final = Purpose(
    "sign_in",
    "/sign-in-link",
    timedelta(minutes=15),
    Text("If you still want to sign in, get a new link here."),
    "/sign-in-link",
)
EMAIL: Final = Purpose(
    "email",
    "/verify-email",
    timedelta(hours=24),
    Text("If your address is not confirmed yet, enter it again to get a new link."),
    "/account/email",
)
PURPOSES: Final = {each.name: each for each in (REGISTRATION, INVITATION, RESET, SIGN_IN, EMAIL)}
