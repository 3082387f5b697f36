"""How mail leaves the site, as it is set at present."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from changemaker_core.mail import FolderTransport, Refused, SmtpTransport
from changemaker_core.settings.own import MailSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from changemaker_core.mail import Address, Message, Session, Transport
    from changemaker_core.mail.dkim import DkimSigner
    from changemaker_core.settings.reading import Settings


class ChosenTransport:
    """The transport of the present settings; another one as soon as they change.

    Letters that are under way finish on the one that they began on.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Callable[[], Path],
        *,
        development: bool,
        signer: DkimSigner | None = None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._development = development
        #: Signs every letter that leaves through a mail server.
        self.signer = signer
        self._lock = threading.Lock()
        self._of: MailSettings | None = None
        self._transport: Transport | None = None

    def current(self) -> Transport:
        """Return the transport for a letter that begins now.

        While it is not known which one organisers have chosen, that is one which refuses the site,
        so that letters wait: a folder that nobody looks into would be the end of them.
        """
        chosen = self._settings(MailSettings)
        if (doubt := self.doubt()) is not None:
            return UncertainTransport(chosen.sender, doubt)
        with self._lock:
            if self._transport is None or chosen != self._of:
                before, self._transport = self._transport, self.open(chosen)
                self._of = chosen
                if isinstance(before, SmtpTransport):
                    before.retire()
            return self._transport

    def doubt(self) -> str | None:
        """Return why it is not known how mail leaves the site; None where it is."""
        if not self._settings.is_known:
            return "the settings could not be read yet, so the mail server is not known"
        group, reading = self._settings.group("mail"), self._settings.reading("mail")
        for name, problem in reading.problems.items():
            if group is not None and name in group.fields:
                return f"the setting mail.{name} cannot be used: {problem}"
        return None

    def open(self, chosen: MailSettings) -> Transport:
        """Return a transport of its own for settings that need not be saved yet."""
        server = chosen.server
        if server is None:
            return FolderTransport(self._folder(), chosen.sender)
        return SmtpTransport(
            server, chosen.sender, public_only=self.public_only, signer=self.signer
        )

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


class UncertainTransport:
    """Refuses the site for the time being, and says why. Nothing is sent, and nothing is lost."""

    def __init__(self, mail_from: Address, doubt: str) -> None:
        self.mail_from = mail_from
        self._doubt = doubt

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session, which refuses every message."""
        yield self

    def send_envelope(self, message: Message) -> None:
        """Raise ``Refused``."""
        raise Refused(0, self._doubt, temporary=True, of_site=True)

    def send_data(self) -> None:
        """Raise ``Refused``: no message has begun."""
        raise Refused(0, self._doubt, temporary=True, of_site=True)

    def close(self) -> None:
        """Do nothing: there is no connection."""
