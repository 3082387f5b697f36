"""Jobs: what a visitor asked for is looked up, and mails are sent.

A request only enqueues what was asked: whether an account exists is found out here, so that neither
a response nor its time can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.features.accounts.joining import mails, services
from changemaker_core.features.accounts.joining.links import address_of
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.joining.purposes import PURPOSES
from changemaker_core.features.accounts.joining.queries import link_by_id
from changemaker_core.features.accounts.keys.queries import keys_of_user
from changemaker_core.features.accounts.users.queries import account_by_id
from changemaker_core.mail import Address

if TYPE_CHECKING:
    from changemaker_core import JobRun, Tx
    from changemaker_core.features.accounts.joining.purposes import Purpose
    from changemaker_core.features.accounts.joining.queries import LinkRow

_KEYS_PATH = "/account/api-keys"
#: Where each notice leads.
_NOTICES = {
    mails.ALREADY_REGISTERED.name: (
        mails.ALREADY_REGISTERED,
        {"link": "/sign-in", "reset_link": "/forgot-password"},
    ),
    mails.PASSWORD_CHANGED.name: (mails.PASSWORD_CHANGED, {"link": "/forgot-password"}),
    mails.KEY_CREATED.name: (mails.KEY_CREATED, {"link": _KEYS_PATH}),
    mails.TWO_FACTOR_RESET.name: (mails.TWO_FACTOR_RESET, {"link": "/account/two-factor"}),
    mails.EMAIL_CHANGED.name: (mails.EMAIL_CHANGED, {}),
}


def respond(run: JobRun, purpose: str, email: str, locale: str, return_to: str) -> None:
    """Do what a visitor asked for with an email address, if an account of it allows it."""
    asked = services.Asked(PURPOSES[purpose], email, locale, return_to)
    run.done(services.respond, asked)


def send_link(run: JobRun, link: str) -> None:
    """Send the mail of a link, unless it has ended meanwhile. Its time begins now."""
    row = run.site.db.sync.one(link_by_id(link))
    if row is None or row.ended_at is not None:
        return
    purpose = PURPOSES[row.purpose]
    account = None
    if (
        row.user_id is not None
        and (account := run.site.db.sync.one(account_by_id(row.user_id))) is None
    ):
        return
    values = {"link": address_of(run.site, purpose, row.id)}
    if account is not None:
        values["name"] = account.name
    to = Address(account.name if account is not None else "", row.email)
    message = mails.OF_LINKS[purpose.name].message(
        run.site, to=to, locale=row.locale, values=values
    )
    run.mail(message, sending=lambda tx: _begin(tx, row, purpose))


def send_notice(run: JobRun, mail: str, user: str, email: str) -> None:
    """Tell the owner of an account what happened to it, at ``email``."""
    account = run.site.db.sync.one(account_by_id(user))
    if account is None:
        return
    template, paths = _NOTICES[mail]
    values: dict[str, str | None] = {name: run.site.url(path) for name, path in paths.items()}
    to = Address(account.name, email)
    values["name"] = account.name
    if "keys_link" in template.variables_by_name:
        has_keys = run.site.db.sync.all(keys_of_user(user))
        values["keys_link"] = run.site.url(_KEYS_PATH) if has_keys else None
    run.mail(template.message(run.site, to=to, locale=account.locale, values=values))


def _begin(tx: Tx, link: LinkRow, purpose: Purpose) -> None:
    Link.update(expires_at=tx.now + purpose.lasts).where(
        Link.id == link.id, Link.ended_at.is_null()
    ).execute()
