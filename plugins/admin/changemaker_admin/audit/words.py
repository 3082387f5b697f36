"""The words for what was done: those of core's actions, and the code of any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Scope

#: What something was done to, by the beginning of the action.
SUBJECTS: Final = {
    "accounts.grants": Text("Roles for one object"),
    "accounts.key": Text("API key"),
    "accounts.role": Text("Role"),
    "accounts.user": Text("Account"),
    "audit.log": Text("Audit log"),
    "mailtemplates.template": Text("Mail template"),
    "operations.job": Text("Job"),
    "operations.queue": Text("Queue"),
    "privacy.person": Text("Person"),
    "settings.group": Text("Settings"),
    "settings.secrets": Text("Secrets"),
    "webhooks.endpoint": Text("Webhook"),
}
#: What was done, by the end of the action.
DEEDS: Final = {
    "cancelled": Text("cancelled"),
    "changed": Text("changed"),
    "created": Text("created"),
    "archived": Text("archived"),
    "paused": Text("paused"),
    "published": Text("published"),
    "deleted": Text("deleted"),
    "email_changed": Text("email address changed"),
    "email_verified": Text("email address confirmed"),
    "ended": Text("ended"),
    "erased": Text("erased"),
    "expired": Text("its time has passed"),
    "exported": Text("exported"),
    "gone": Text("the receiver wants no more"),
    "grant_ended": Text("role for one object taken away"),
    "granted": Text("role for one object given"),
    "held": Text("held"),
    "invitation_withdrawn": Text("invitation withdrawn"),
    "invited": Text("invited again"),
    "joined": Text("invitation accepted"),
    "password_changed": Text("password changed"),
    "reactivated": Text("reactivated"),
    "recovery_code_used": Text("recovery code used"),
    "recovery_codes_replaced": Text("recovery codes replaced"),
    "redelivered": Text("delivered again"),
    "released": Text("released"),
    "restored": Text("restored"),
    "revoked": Text("revoked"),
    "rotated": Text("replaced"),
    "secret_rotated": Text("secret replaced"),
    "signed_in": Text("signed in"),
    "signed_out": Text("signed out"),
    "signed_out_everywhere": Text("signed out everywhere"),
    "suspended": Text("suspended"),
    "tested": Text("tested"),
    "two_factor_turned_off": Text("two-factor sign-in turned off"),
    "two_factor_turned_on": Text("two-factor sign-in turned on"),
    "unlocked": Text("wait after wrong passwords ended"),
    "verification_started": Text("verification started"),
    "verified": Text("verified"),
}


def words_of(action: str, scopes: Mapping[str, Scope] = {}) -> tuple[str, str]:
    """Return what something was done to, and what was done: both empty for an action without words.

    ``scopes`` are the kinds of objects of a site, by name, whose labels are words for them.

    >>> words_of("accounts.user.suspended")
    ('Account', 'suspended')
    """
    subject, _, deed = action.rpartition(".")
    word = scopes[subject].label if subject in scopes else SUBJECTS.get(subject)
    return ("", "") if word is None or deed not in DEEDS else (word, DEEDS[deed])
