"""How mail leaves the site, as it is set at present."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from changemaker_core.mail import FolderTransport, SmtpTransport
from changemaker_core.settings.own import MailSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from changemaker_core.mail import Transport
    from changemaker_core.settings.reading import Settings


class ChosenTransport:
    """The transport of the present settings; another one as soon as they change.

    Letters that are under way finish on the one that they began on.
    """

    def __init__(
        self, settings: Settings, folder: Callable[[], Path], *, development: bool
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._development = development
        self._lock = threading.Lock()
        self._of: MailSettings | None = None
        self._transport: Transport | None = None

    def current(self) -> Transport:
        """Return the transport for a letter that begins now."""
        chosen = self._settings(MailSettings)
        with self._lock:
            if self._transport is None or chosen != self._of:
                before, self._transport = self._transport, self.open(chosen)
                self._of = chosen
                if isinstance(before, SmtpTransport):
                    before.retire()
            return self._transport

    def open(self, chosen: MailSettings) -> Transport:
        """Return a transport of its own for settings that need not be saved yet."""
        server = chosen.server
        if server is None:
            return FolderTransport(self._folder(), chosen.sender)
        return SmtpTransport(server, chosen.sender, public_only=self.public_only)

    @property
    def public_only(self) -> bool:
        """Whether the mail server must have a public address.

        NOTE(guard): whoever may change settings could make the server connect to machines of its
        own network. The operator's own ``smtp_url`` may name any.
        """
        group = self._settings.group("mail")
        return not (self._development or (group is not None and "host" in group.locks))

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            if self._transport is not None:
                self._transport.close()
