"""What ``changemaker doctor`` checks of mail: whether it can leave the site."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.diagnostics import TIMEOUT, Check, Finding
from changemaker_core.mail.errors import Refused
from changemaker_core.mail.message import Address
from changemaker_core.mail.replies import without_addresses
from changemaker_core.mail.smtp import SmtpTransport
from changemaker_core.mail.smtp_connection import SmtpOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.site import Site

#: Seconds for the whole conversation: a server may be slow at each step of it.
DEADLINE: Final = 4 * TIMEOUT


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [Check("mail", check_mail, keys=("smtp_url", "mail_from", "development"))]


def check_mail(site: Site) -> Iterator[Finding]:
    """Report where mail goes, and whether the server takes this site's mail. Sends nothing."""
    config = site.config
    if config.smtp_url is not None:
        if config.mail_from == "noreply@localhost":
            detail = "mail_from is still noreply@localhost, which mail servers reject."
            yield Finding("warning", detail, "Set mail_from to an address of your organisation.")
        yield _try_sender(SmtpUrl.parse(config.smtp_url), Address.parse(config.mail_from))
    elif config.development:
        yield Finding("ok", "Mail goes to a folder, as intended in development.")
    else:
        fix = "Set smtp_url, such as smtp://user:password@mail.example.org:587."
        yield Finding("warning", "No mail leaves the site: smtp_url is not set.", fix)


def _try_sender(server: SmtpUrl, mail_from: Address) -> Finding:
    options = SmtpOptions(command_timeout=timedelta(seconds=TIMEOUT))
    name = f"{server.host}:{server.port}"
    try:
        _within(DEADLINE, SmtpTransport(server, mail_from, options=options).try_sender)
    except Refused as refused:
        error = without_addresses(str(refused))
        if refused.is_unreachable:
            detail = f"{name} does not respond as a mail server: {error}."
            return Finding("error", detail, "Start the mail server, or correct smtp_url.")
        detail = f"{name} does not take this site's mail: {error}."
        if not refused.of_site:
            return Finding("warning", detail, "It may do so later: run doctor again.")
        return Finding(
            "error", detail, "Correct the user, password and TLS in smtp_url, or mail_from."
        )
    signed_in = ", accepts the password" if server.user is not None else ""
    detail = f"{name} responds{signed_in}, and takes mail from mail_from. (Nothing was sent.)"
    return Finding("ok", detail)


def _within(seconds: float, fn: Callable[[], None]) -> None:
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

    thread = threading.Thread(target=call, name="mail check", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        text = f"it did not finish within {seconds:.0f} seconds"
        raise Refused(0, text, temporary=True, is_unreachable=True)
    if raised:
        raise raised[0]
