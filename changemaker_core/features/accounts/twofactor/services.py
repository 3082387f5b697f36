"""Rules of two-factor sign-in: turning it on and off, and using a code once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from changemaker_core import BadSeal, Text
from changemaker_core.features.accounts.sessions.services import end_all_sessions
from changemaker_core.features.accounts.twofactor import codes
from changemaker_core.features.accounts.twofactor.models import RecoveryCode, TwoFactor
from changemaker_core.features.accounts.twofactor.queries import authenticators
from changemaker_core.features.accounts.users.models import User

if TYPE_CHECKING:
    from changemaker_core import Sealer, Site, Tx

log = logging.getLogger(__name__)

PURPOSE = "accounts.two-factor"


class TwoFactorRefused(ValueError):
    """Two-factor sign-in cannot be turned on or off; the text tells a person why."""


class WrongCode(TwoFactorRefused):
    """The code is not the one that the authenticator shows, or was used before."""


class AlreadyOn(TwoFactorRefused):
    """Two-factor sign-in is on."""


class NotOn(TwoFactorRefused):
    """Two-factor sign-in is off."""


def turn_on(
    tx: Tx, sealer: Sealer, user_id: str, *, secret: str, code: str, session: str | None = None
) -> list[str]:
    """Turn two-factor sign-in on and return the recovery codes.

    ``code`` shows that the authenticator has ``secret``. The user's sessions end but for the one
    with the id ``session``: they were opened without the second factor. Raise ``WrongCode`` or
    ``AlreadyOn``.
    """
    step = codes.matching_step(secret, codes.tidy(code), tx.db.clock())
    if step is None:
        raise WrongCode(Text("This is not the code that the app shows. Is its clock right?"))
    sealed = sealer.seal(secret, place=place_of(user_id))
    added = TwoFactor.insert(
        user=user_id, secret=sealed, last_step=step, enabled_at=tx.now
    ).on_conflict_ignore()
    if not added.as_rowcount().execute():
        raise already_on()
    _note_change(tx, user_id)
    tx.audit("accounts.user.two_factor_turned_on", user_id, person=user_id)
    end_all_sessions(tx, user_id, but=session)
    return _replace_recovery_codes(user_id)


def already_on() -> AlreadyOn:
    """Return the error for what can be turned on no more."""
    return AlreadyOn(Text("Two-factor sign-in is on already."))


def turn_off(tx: Tx, user_id: str) -> bool:
    """Turn two-factor sign-in off. Return whether it was on."""
    RecoveryCode.delete().where(RecoveryCode.user == user_id).execute()
    was_on = bool(TwoFactor.delete().where(TwoFactor.user == user_id).execute())
    _note_change(tx, user_id)
    if was_on:
        tx.audit("accounts.user.two_factor_turned_off", user_id, person=user_id)
    return was_on


def regenerate(tx: Tx, user_id: str) -> list[str]:
    """Return new recovery codes; the former ones are not valid any more. Raise ``NotOn``."""
    if not TwoFactor.select().where(TwoFactor.user == user_id).exists():
        raise NotOn(Text("Two-factor sign-in is off."))
    tx.audit("accounts.user.recovery_codes_replaced", user_id, person=user_id)
    return _replace_recovery_codes(user_id)


def use_code(tx: Tx, sealer: Sealer, user_id: str, typed: str) -> bool:
    """Return whether ``typed`` is a code of the user, and use it up: each is valid once."""
    code = codes.tidy(typed)
    if codes.is_totp(code):
        return _use_step(tx, sealer, user_id, code)
    hashed = codes.hash_recovery_code(code)
    mine = (RecoveryCode.user == user_id) & (RecoveryCode.code_hash == hashed)
    if not RecoveryCode.delete().where(mine).execute():
        return False
    tx.audit("accounts.user.recovery_code_used", user_id, person=user_id)
    return True


def reseal(tx: Tx, site: Site) -> int:
    """Encrypt every authenticator's secret with the present secret key; return how many there are.

    Raises ``BadSeal`` for one whose key is not configured.
    """
    sealer = site.sealer(PURPOSE)
    rows = authenticators().all()
    for row in rows:
        try:
            secret = sealer.reseal(row.secret, place=place_of(row.user))
        except BadSeal as error:
            raise BadSeal(f"the authenticator of user {row.user}: {error}") from error
        # Who has turned it off and on meanwhile has another secret, under the present key.
        unchanged = (TwoFactor.user == row.user) & (TwoFactor.secret == row.secret)
        TwoFactor.update(secret=secret).where(unchanged).execute()
    return len(rows)


def _use_step(tx: Tx, sealer: Sealer, user_id: str, code: str) -> bool:
    row = TwoFactor.get_or_none(TwoFactor.user == user_id)
    if row is None:
        return False
    try:
        secret = sealer.unseal(row.secret, place=place_of(user_id))
    except BadSeal as error:
        log.error("the authenticator of user %s cannot be checked: %s", user_id, error)
        return False
    step = codes.matching_step(secret, code, tx.db.clock())
    if step is None:
        return False
    resealed = sealer.reseal(row.secret, place=place_of(user_id))
    # Of two that send the same code at once, one finds the step unused.
    unused = (TwoFactor.user == user_id) & (TwoFactor.last_step < step)
    return bool(TwoFactor.update(last_step=step, secret=resealed).where(unused).execute())


def _replace_recovery_codes(user_id: str) -> list[str]:
    RecoveryCode.delete().where(RecoveryCode.user == user_id).execute()
    new = codes.new_recovery_codes()
    RecoveryCode.insert_many(
        {"user": user_id, "code_hash": codes.hash_recovery_code(codes.tidy(code))} for code in new
    ).execute()
    return new


def _note_change(tx: Tx, user_id: str) -> None:
    """Have a sign-in that is under way start again: it knows the account as it was."""
    User.update(updated_at=tx.now).where(User.id == user_id).execute()


def place_of(user_id: str) -> str:
    """Return the place for which a user's secret is sealed."""
    return f"accounts.two_factor/{user_id}"
