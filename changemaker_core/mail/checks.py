"""What ``changemaker doctor`` checks of mail: whether it can leave the site."""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING

from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.diagnostics import TIMEOUT, Check, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.site import Site


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [Check("mail", check_mail, keys=("smtp_url", "mail_from", "development"))]


def check_mail(site: Site) -> Iterator[Finding]:
    """Report where mail goes, and whether the mail server responds. Sends nothing."""
    config = site.config
    if config.smtp_url is not None:
        if config.mail_from == "noreply@localhost":
            detail = "mail_from is still noreply@localhost, which mail servers reject."
            yield Finding("warning", detail, "Set mail_from to an address of your organisation.")
        yield _greet(config.smtp_url)
    elif config.development:
        yield Finding("ok", "Mail goes to a folder, as intended in development.")
    else:
        fix = "Set smtp_url, such as smtp://user:password@mail.example.org:587."
        yield Finding("warning", "No mail leaves the site: smtp_url is not set.", fix)


def _greet(url: str) -> Finding:
    server = SmtpUrl.parse(url)
    host, port = server.host, server.port
    connect = smtplib.SMTP_SSL if server.security == "tls" else smtplib.SMTP
    try:
        with connect(host, port, timeout=TIMEOUT) as connection:
            connection.ehlo()
    except (OSError, smtplib.SMTPException) as error:
        detail = f"{host}:{port} does not respond as a mail server: {error}."
        return Finding("error", detail, "Start the mail server, or correct smtp_url.")
    return Finding("ok", f"{host}:{port} responds. (Nothing was sent.)")
