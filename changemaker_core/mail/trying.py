"""Trying a mail server: which step of a conversation fails, and what the server says there."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from changemaker_core.mail.errors import DeliveryUnknown, Refused
from changemaker_core.mail.replies import without_addresses
from changemaker_core.mail.smtp import SmtpTransport
from changemaker_core.mail.smtp_connection import SmtpOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.config.smtp_url import SmtpUrl
    from changemaker_core.mail.dkim import DkimSigner
    from changemaker_core.mail.message import Address, Message

#: The steps of a conversation, in their order: the server's name is looked up, it is connected to,
#: TLS begins, the user signs in, the sender is accepted, and the message, if one is sent.
TrialStep = Literal["name", "connect", "tls", "sign_in", "sender", "message"]
STEPS: Final[tuple[TrialStep, ...]] = (
    "name",
    "connect",
    "tls",
    "sign_in",
    "sender",
    "message",
)
#: Seconds for one reply, and for the whole conversation.
REPLY_SECONDS: Final = 8.0
DEADLINE: Final = 20.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a trial. ``failed`` is the step that failed, with ``error``; None: none did.

    ``error`` contains no address.
    """

    failed: TrialStep | None = None
    error: str = ""


def try_server(
    server: SmtpUrl,
    sender: Address,
    message: Message | None = None,
    *,
    public_only: bool,
    signer: DkimSigner | None = None,
    seconds: float = DEADLINE,
) -> Trial:
    """Connect, sign in and name the sender, and send ``message`` if there is one. Blocks.

    Takes ``seconds`` at most.
    """
    options = SmtpOptions(command_timeout=timedelta(seconds=min(REPLY_SECONDS, seconds)))
    transport = SmtpTransport(
        server, sender, options=options, public_only=public_only, signer=signer
    )

    def converse() -> None:
        if message is None:
            transport.try_sender()
            return
        with transport.session() as session:
            session.send_envelope(message)
            session.send_data()

    try:
        within(seconds, converse)
    except Refused as refused:
        return Trial(_step_of(refused, server), without_addresses(str(refused)))
    except DeliveryUnknown as lost:
        return Trial("message", without_addresses(str(lost)))
    finally:
        transport.retire()
    return Trial()


def _step_of(refused: Refused, server: SmtpUrl) -> TrialStep:
    """Return the step at which a server was not reached, or refused."""
    if refused.stage == "mail":
        return "sender"
    if refused.stage in ("rcpt", "data"):
        return "message"
    cause = refused.__cause__
    if isinstance(cause, socket.gaierror):
        return "name"
    if isinstance(cause, ssl.SSLError):
        return "tls"
    if isinstance(cause, smtplib.SMTPNotSupportedError):
        # The server offers no STARTTLS, or no way to sign in; or there is no TLS for a password.
        return "tls" if "starttls" in str(cause).lower() else "sign_in"
    if isinstance(cause, smtplib.SMTPAuthenticationError):
        return "sign_in"
    return "connect"


def within(seconds: float, fn: Callable[[], None]) -> None:
    """Call ``fn`` on a thread. Raises what it raises, and ``Refused`` after ``seconds``.

    A blocking socket has a timeout for each read only, so that a server which sends a byte now and
    then could take any time.
    """
    raised: list[BaseException] = []

    def call() -> None:
        try:
            fn()
        except BaseException as error:  # raised again below
            raised.append(error)

    thread = threading.Thread(target=call, name="mail trial", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        text = f"it did not finish within {seconds:.0f} seconds"
        raise Refused(0, text, temporary=True, is_unreachable=True)
    if raised:
        raise raised[0]
