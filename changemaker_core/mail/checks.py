"""What ``changemaker doctor`` checks of mail: whether it can leave the site."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.diagnostics import TIMEOUT, Check, Finding
from changemaker_core.mail.deliverability import check_deliverability
from changemaker_core.mail.errors import Refused
from changemaker_core.mail.replies import without_addresses
from changemaker_core.mail.smtp import SmtpTransport
from changemaker_core.mail.smtp_connection import SmtpOptions
from changemaker_core.mail.trying import within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.config.smtp_url import SmtpUrl
    from changemaker_core.mail.message import Address
    from changemaker_core.site import Site

#: Seconds for the whole conversation: a server may be slow at each step of it.
DEADLINE: Final = 4 * TIMEOUT


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [
        Check("mail", check_mail, keys=("smtp_url", "mail_from", "development")),
        Check(
            "deliverability",
            check_deliverability,
            keys=("smtp_url", "mail_from", "dkim_selector", "dkim_key_file"),
        ),
    ]


def check_mail(site: Site) -> Iterator[Finding]:
    """Report where mail goes, and whether the server takes this site's mail. Sends nothing."""
    chosen = site.mail_settings
    if (doubt := site.mail_choice.doubt()) is not None:
        fix = "`changemaker settings set mail …` sets it again. Until then, letters wait."
        yield Finding("error", f"No mail leaves the site: {doubt.rstrip('.')}.", fix)
    elif (server := chosen.server) is not None:
        if chosen.from_address == "noreply@localhost":
            detail = "The sender is still noreply@localhost, which mail servers reject."
            yield Finding("warning", detail, "Set mail_from to an address of your organisation.")
        yield _try_sender(server, chosen.sender, public_only=site.mail_choice.public_only)
    elif site.config.development:
        yield Finding("ok", "Mail goes to a folder, as intended in development.")
    else:
        fix = (
            "Set smtp_url, such as smtp://user:password@mail.example.org:587, or the mail server"
            " in the settings."
        )
        yield Finding("warning", "No mail leaves the site: no mail server is set.", fix)


def _try_sender(server: SmtpUrl, mail_from: Address, *, public_only: bool) -> Finding:
    options = SmtpOptions(command_timeout=timedelta(seconds=TIMEOUT))
    name = f"{server.host}:{server.port}"
    try:
        transport = SmtpTransport(server, mail_from, options=options, public_only=public_only)
        within(DEADLINE, transport.try_sender)
    except Refused as refused:
        error = without_addresses(str(refused))
        if refused.is_unreachable:
            detail = f"{name} does not respond as a mail server: {error}."
            return Finding("error", detail, "Start the mail server, or correct its name.")
        detail = f"{name} does not take this site's mail: {error}."
        if not refused.of_site:
            return Finding("warning", detail, "It may do so later: run doctor again.")
        return Finding(
            "error", detail, "Correct the user, password and TLS of the mail server, or the sender."
        )
    signed_in = ", accepts the password" if server.user is not None else ""
    detail = f"{name} responds{signed_in}, and takes mail from the sender. (Nothing was sent.)"
    return Finding("ok", detail)
