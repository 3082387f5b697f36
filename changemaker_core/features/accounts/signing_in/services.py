"""Rules of sign-in: attempts are counted, and wrong passwords make their source wait."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from changemaker_core import LimitReached, SlidingWindow
from changemaker_core.features.accounts.signing_in.models import LoginDelay
from changemaker_core.features.accounts.users.models import User

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_core.features.accounts.users.queries import Account

LOGINS_PER_VISITOR: Final = SlidingWindow("accounts.login.ip", 10, timedelta(minutes=1))
#: How the sources begin that are known to be of the account.
KNOWN: Final = ("session ", "device ")
FREE_FAILURES: Final = 3
LONGEST_DELAY: Final = timedelta(minutes=15)
#: Codes that are tried for one account from devices that it does not know. Only somebody who has
#: the password can use them up, and guesses would be right once in 45 years.
CODES_PER_ACCOUNT: Final = SlidingWindow("accounts.code", 20, timedelta(days=1))


class Verified(NamedTuple):
    """An account whose password was right; ``new_hash`` where it should be hashed anew.

    ``source`` is what its failures were counted for. ``has_code`` is whether the second factor was
    shown too: without it, an account that has one opens no session.
    """

    account: Account
    new_hash: str | None
    source: str
    has_code: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the password came from a device or session that the account has."""
        return self.source.startswith(KNOWN)

    @property
    def needs_code(self) -> bool:
        """Whether the second factor is missing."""
        return self.account.has_two_factor and not self.has_code


def count_attempt(tx: Tx, email: str, source: str) -> None:
    """Count a sign-in attempt. Raise ``LimitReached`` if ``source`` must wait, at all or for this
    account.

    ``source`` is a network, or a device or session that the account has. What others do in another
    network makes it wait for nothing.

    An attempt counts as a failure until its session is opened. Otherwise guesses that arrive
    together would all be checked before the first has failed.
    """
    LOGINS_PER_VISITOR.take(tx, source)
    _take_turn(tx, email, source)


def count_code(tx: Tx, verified: Verified) -> None:
    """Count a code that is tried, as a failure until the session is opened.

    Raise ``LimitReached`` if the source of the password must wait.
    """
    source = verified.source
    if not verified.is_known:
        CODES_PER_ACCOUNT.take(tx, verified.account.id)
    _take_turn(tx, verified.account.email, _code_of(source))


def _take_turn(tx: Tx, email: str, source: str) -> None:
    now = tx.db.clock()  # not tx.now: another attempt of the source may have come first
    key = _delay_key(email, source)
    LoginDelay.insert(
        key=key, account=_hash(email), failures=0, not_before=now
    ).on_conflict_ignore().execute()
    due = (LoginDelay.key == key) & (LoginDelay.not_before <= now)
    if not LoginDelay.update(failures=LoginDelay.failures + 1).where(due).execute():
        known = LoginDelay.get_or_none(LoginDelay.key == key)
        wait = known.not_before - now if known is not None else timedelta(0)
        raise LimitReached("accounts.login.account", wait)
    start_wait(tx, email, source)


def start_wait(tx: Tx, email: str, source: str) -> None:
    """Start the wait after a wrong password.

    From the third on, each doubles the wait, up to fifteen minutes. It is the same for an email
    address without an account, so that it reveals nothing.
    """
    delay = LoginDelay.get_or_none(LoginDelay.key == _delay_key(email, source))
    if delay is not None:
        not_before = tx.now + _delay_after(delay.failures)
        # Another attempt may have been counted meanwhile: its wait is the longer one, and stays.
        same = (LoginDelay.key == delay.key) & (LoginDelay.failures == delay.failures)
        LoginDelay.update(not_before=not_before).where(same).execute()


def unlock(tx: Tx, email: str) -> None:
    """End every wait after wrong passwords for this email address, wherever they came from."""
    LoginDelay.delete().where(waits_of(email)).execute()


def waits_of(*emails: str) -> Any:
    """Return the condition of the waits for these email addresses, which are canonical."""
    return LoginDelay.account.in_([_hash(each) for each in emails])


def note_sign_in(tx: Tx, verified: Verified) -> bool:
    """Store what a sign-in changes: its time, the end of any wait, a hash that was made anew.

    Return ``False``, and store nothing, if the account was changed since it was read: a password
    that was just replaced must not open a session.
    """
    if verified.needs_code:
        raise ValueError("this account opens a session with its second factor only")
    account = verified.account
    changes: dict[str, object] = {"last_login_at": tx.now}
    if verified.new_hash is not None:
        changes["password_hash"] = verified.new_hash
    unchanged = (User.id == account.id) & (User.updated_at == account.updated_at)
    if not User.update(**changes).where(unchanged).execute():
        return False
    sources = (verified.source, _code_of(verified.source))
    keys = [_delay_key(account.email, each) for each in sources]
    LoginDelay.delete().where(LoginDelay.key.in_(keys)).execute()
    return True


def _code_of(source: str) -> str:
    return f"code {source}"


def _delay_key(email: str, source: str) -> str:
    return _hash(f"{email} {source}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _delay_after(failures: int) -> timedelta:
    if failures < FREE_FAILURES:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - FREE_FAILURES, 20)), LONGEST_DELAY)
