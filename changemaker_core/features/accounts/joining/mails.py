"""The texts of the mails about accounts, which organisers can change."""

from __future__ import annotations

from typing import Final

from changemaker_core import MailTemplate, MailVariable, Text

_CATEGORY: Final = Text("Accounts")
_NAME: Final = MailVariable("name", Text("The name of the person"), "Ada")


def _link(description: Text, path: str) -> MailVariable:
    return MailVariable(
        "link",
        description,
        f"https://act.example.org{path}/AbC123",
        kind="url",
        required=Text("without it, the mail is of no use."),
    )


#: For mails that say that somebody was signed out everywhere: keys are no sessions.
_KEYS: Final = MailVariable(
    "keys_link",
    Text("The page of API keys, for people who have some"),
    "https://act.example.org/account/api-keys",
    kind="url",
)

REGISTRATION: Final = MailTemplate(
    "accounts.registration",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("Registration"),
    description=Text("Sent to whoever enters their address to register, to confirm it."),
    subject=Text("Finish your registration at {{ organisation }}"),
    text=Text(
        "Hello,\n\nwelcome! Open this link to choose your name and password. "
        "It is valid for 24 hours:\n{{ link }}\n\n"
        "If you did not want to register, ignore this mail: no account is created."
    ),
    variables=(_link(Text("The link to finish the registration"), "/join"),),
)

ALREADY_REGISTERED: Final = MailTemplate(
    "accounts.already_registered",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("Registration with an address that has an account"),
    description=Text("Sent to the owner of an account whose address is registered again."),
    subject=Text("You already have an account at {{ organisation }}"),
    text=Text(
        "Hello {{ name }},\n\nsomeone entered your email address to register, and you already "
        "have an account. Sign in here:\n{{ link }}\n\nIf you do not remember your password, "
        "choose a new one:\n{{ reset_link }}\n\nIf this was not you, you need not do anything."
    ),
    variables=(
        _NAME,
        _link(Text("The address of the sign-in page"), "/sign-in"),
        MailVariable(
            "reset_link",
            Text("The page to get a new password"),
            "https://act.example.org/forgot-password",
            kind="url",
        ),
    ),
)

INVITATION: Final = MailTemplate(
    "accounts.invitation",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("Invitation"),
    description=Text("Sent to whoever is invited to the team."),
    subject=Text("You are invited to {{ organisation }}"),
    text=Text(
        "Hello {{ name }},\n\nyou are invited to work with {{ organisation }} on this site. "
        "Open this link to choose a password. It is valid for 7 days:\n{{ link }}\n\n"
        "If you did not expect this, ignore this mail."
    ),
    variables=(_NAME, _link(Text("The link to accept the invitation"), "/join")),
)

RESET: Final = MailTemplate(
    "accounts.reset",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("New password"),
    description=Text("Sent to whoever has forgotten their password and asks for a new one."),
    subject=Text("Choose a new password"),
    text=Text(
        "Hello {{ name }},\n\nopen this link to choose a new password. It is valid for one hour:\n"
        "{{ link }}\n\nIf you did not ask for it, ignore this mail: your password stays as it is."
    ),
    variables=(_NAME, _link(Text("The link to choose a new password"), "/reset-password")),
)

PASSWORD_CHANGED: Final = MailTemplate(
    "accounts.password_changed",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("Password changed"),
    description=Text("Sent to whoever has changed their password, or chosen a new one by a link."),
    subject=Text("Your password was changed"),
    text=Text(
        "Hello {{ name }},\n\nyour password was changed, and you were signed out everywhere.\n\n"
        "{% if keys_link %}\nYour API keys still work. Revoke those that you do not know:\n"
        "{{ keys_link }}\n\n{% endif %}\n"
        "If this was not you, choose a new one at once, and tell the people who run the site:\n"
        "{{ link }}"
    ),
    variables=(_NAME, _link(Text("The page to get a new password"), "/forgot-password"), _KEYS),
)

KEY_CREATED: Final = MailTemplate(
    "accounts.key_created",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("API key created"),
    description=Text("Sent to whoever has a new API key."),
    subject=Text("An API key was created for your account"),
    text=Text(
        "Hello {{ name }},\n\nat {{ organisation }}, an API key was created for your account. A "
        "program can use it in your name, also after you have changed your password.\n\n"
        "If this was not you, change your password at once, and revoke the key:\n{{ link }}"
    ),
    variables=(_NAME, _link(Text("The page of API keys"), "/account/api-keys")),
)

TWO_FACTOR_RESET: Final = MailTemplate(
    "accounts.two_factor_reset",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("Two-factor sign-in turned off"),
    description=Text("Sent to a person whose two-factor sign-in the team has turned off."),
    subject=Text("Two-factor sign-in was turned off for your account"),
    text=Text(
        "Hello {{ name }},\n\nat {{ organisation }}, two-factor sign-in was turned off for your "
        "account, and you were signed out everywhere. Your password is enough to sign in now. "
        "Set up your authenticator app again:\n{{ link }}\n\n"
        "{% if keys_link %}\nYour API keys still work. Revoke those that you do not know:\n"
        "{{ keys_link }}\n\n{% endif %}\n"
        "If you did not ask for this, tell the people who run the site at once: {{ site_url }}"
    ),
    variables=(
        _NAME,
        _link(Text("The page to set it up again"), "/account/two-factor"),
        _KEYS,
    ),
)

SIGN_IN: Final = MailTemplate(
    "accounts.sign_in",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("Link to sign in"),
    description=Text("Sent to whoever asks to sign in by mail, without their password."),
    subject=Text("Sign in to {{ organisation }}"),
    text=Text(
        "Hello {{ name }},\n\nopen this link to sign in. It is valid for 15 minutes, and once:\n"
        "{{ link }}\n\nIf you did not ask for it, ignore this mail, and never pass the link on."
    ),
    variables=(_NAME, _link(Text("The link to sign in"), "/sign-in-link")),
)

EMAIL: Final = MailTemplate(
    "accounts.email",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("Confirmation of an email address"),
    description=Text("Sent to the new address of whoever changes theirs, to confirm it."),
    subject=Text("Confirm your email address"),
    text=Text(
        "Hello {{ name }},\n\nopen this link to use this email address for your account. "
        "It is valid for 24 hours:\n{{ link }}\n\nIf you did not ask for it, ignore this mail."
    ),
    variables=(_NAME, _link(Text("The link to confirm the address"), "/verify-email")),
)

EMAIL_CHANGED: Final = MailTemplate(
    "accounts.email_changed",
    category=_CATEGORY,
    recent_sign_in=True,
    title=Text("Email address changed"),
    description=Text("Sent to the former address of whoever has changed theirs."),
    subject=Text("The email address of your account was changed"),
    text=Text(
        "Hello {{ name }},\n\nyour account at {{ organisation }} has another email address now: "
        "mails no longer come here.\n\n"
        "If this was not you, tell the people who run the site at once: {{ site_url }}"
    ),
    variables=(_NAME,),
)

TEMPLATES: Final = (
    REGISTRATION,
    ALREADY_REGISTERED,
    INVITATION,
    RESET,
    PASSWORD_CHANGED,
    KEY_CREATED,
    TWO_FACTOR_RESET,
    SIGN_IN,
    EMAIL,
    EMAIL_CHANGED,
)
OF_LINKS: Final = {
    "registration": REGISTRATION,
    "invitation": INVITATION,
    "reset": RESET,
    "sign_in": SIGN_IN,
    "email": EMAIL,
}
