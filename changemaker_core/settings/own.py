"""The site's own groups: the organisation, the look, language and time, mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta

from changemaker_core.config import Secret
from changemaker_core.config.email_address import ascii_domain, is_email_address
from changemaker_core.config.smtp_url import Security, SmtpUrl, default_port, is_host
from changemaker_core.mail import Address
from changemaker_core.settings.colors import DARK, ENOUGH, LIGHT, contrast, mixed, readable, text_on
from changemaker_core.settings.declarations import Setting, SettingRejected, SettingsGroup
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs the site."""

    name: Annotated[
        str,
        Meta(min_length=1, max_length=200),
        Setting(
            Text("Name of the organisation"),
            Text("It is in the title of each page and in mail."),
            public=True,
            config="organisation",
        ),
    ] = "Changemaker"
    short_name: Annotated[
        str,
        Meta(max_length=40),
        Setting(
            Text("Short name"),
            Text("For the top of each page. Empty: the whole name."),
            public=True,
        ),
    ] = ""
    logo: Annotated[
        str,
        Setting(
            Text("Logo"),
            Text("A picture for the top of each page. Empty: the mark of Changemaker."),
            kind="image",
            public=True,
        ),
    ] = ""
    footer: Annotated[
        dict[str, str],
        Setting(
            Text("Text at the bottom of each page"),
            Text("For each language. An empty line begins a new paragraph."),
            public=True,
        ),
    ] = {}
    privacy: Annotated[
        dict[str, str],
        Setting(
            Text("Privacy notice"),
            Text("For each language; the page /privacy shows it, and each page links to it."),
            public=True,
        ),
    ] = {}

    @property
    def shown_name(self) -> str:
        """The name at the top of each page."""
        return self.short_name or self.name


class Regional(msgspec.Struct, frozen=True, kw_only=True):
    """Language and time, where a person's own are unknown."""

    default_locale: Annotated[
        str,
        Setting(
            Text("Language"),
            Text("For visitors whose browser names no language of this site, and for mail."),
            kind="locale",
            public=True,
            config="default_locale",
        ),
    ] = "en"
    time_zone: Annotated[
        str,
        Setting(
            Text("Time zone"),
            Text("In which dates and times are shown and entered."),
            kind="time_zone",
            public=True,
            config="time_zone",
        ),
    ] = "UTC"


class Appearance(msgspec.Struct, frozen=True, kw_only=True):
    """The colours of the pages. Each can be read on the background of the pages."""

    brand: Annotated[
        str,
        Setting(Text("Main colour"), Text("Of buttons and links."), kind="color", public=True),
    ] = "#0d5f58"
    accent: Annotated[
        str,
        Setting(Text("Second colour"), Text("Of underlines and marks."), kind="color", public=True),
    ] = "#b9431b"

    def __post_init__(self) -> None:
        for name in ("brand", "accent"):
            color = getattr(self, name)
            if contrast(color, LIGHT) < ENOUGH:
                raise SettingRejected(
                    name,
                    Text(
                        "This colour is too light to be read on the pages: its contrast is {ratio}"
                        " to 1, and text needs 4.5. Choose {proposal}, or a darker one.",
                        ratio=f"{contrast(color, LIGHT):.1f}",
                        proposal=readable(color, LIGHT),
                    ),
                )

    @property
    def stylesheet(self) -> str:
        """The style sheet with these colours, in place of those of ``base.css``; empty where they
        are the same."""
        if self == Appearance():
            return ""
        brand, accent = readable(self.brand, DARK), readable(self.accent, DARK)
        light = {
            "brand": self.brand,
            "brand-strong": mixed(self.brand, "#000000", 0.35),
            "brand-soft": mixed(self.brand, "#ffffff", 0.88),
            "on-brand": text_on(self.brand),
            "accent": self.accent,
        }
        dark = {
            "brand": brand,
            "brand-strong": mixed(brand, "#ffffff", 0.35),
            "brand-soft": mixed(self.brand, "#161412", 0.75),
            "on-brand": text_on(brand),
            "accent": accent,
        }
        return (
            f":root {{\n{_properties(light)}}}\n"
            "@media screen and (prefers-color-scheme: dark) {\n"
            f":root {{\n{_properties(dark)}}}\n}}\n"
        )


def _properties(colors: dict[str, str]) -> str:
    return "".join(f"  --{name}: {color};\n" for name, color in colors.items())


def _part(name: str) -> Callable[[Any], Any]:
    """Return what takes one part of ``smtp_url``."""

    def part(url: str) -> Any:
        found = getattr(SmtpUrl.parse(url), name)
        if name == "user":
            return found or ""
        return (found if found.reveal() else None) if name == "password" else found

    return part


def _sender(name: str) -> Callable[[Any], Any]:
    """Return what takes one part of ``mail_from``."""
    return lambda text: getattr(Address.parse(text), name)


class MailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The mail server, and whom the site's mail comes from. Without a server, mail is saved to a
    folder."""

    host: Annotated[
        str,
        Meta(max_length=253),
        Setting(
            Text("Mail server"),
            Text("Such as smtp.example.org. It must have a public address."),
            section=Text("Mail server"),
            config="smtp_url",
            from_config=_part("host"),
        ),
    ] = ""
    port: Annotated[
        Annotated[int, Meta(ge=1, le=65_535)] | None,
        Setting(
            Text("Port"),
            Text("Empty: 465 with TLS from the beginning, 587 with a user, and otherwise 25."),
            section=Text("Mail server"),
            config="smtp_url",
            from_config=_part("port"),
        ),
    ] = None
    security: Annotated[
        Security,
        Setting(
            Text("Encryption"),
            Text("tls: from the beginning. STARTTLS: required, where it is offered, or never."),
            section=Text("Mail server"),
            config="smtp_url",
            from_config=_part("security"),
        ),
    ] = "required"
    user: Annotated[
        str,
        Meta(max_length=320),
        Setting(
            Text("User"),
            Text("Empty: no sign-in."),
            section=Text("Mail server"),
            config="smtp_url",
            from_config=_part("user"),
        ),
    ] = ""
    password: Annotated[
        Secret | None,
        Setting(
            Text("Password"),
            Text("Enter it again where the server, port or encryption change."),
            section=Text("Mail server"),
            entered_with=("host", "port", "security"),
            config="smtp_url",
            from_config=_part("password"),
        ),
    ] = None
    from_name: Annotated[
        str,
        Meta(max_length=200),
        Setting(
            Text("Sender's name"),
            section=Text("Sender"),
            config="mail_from",
            from_config=_sender("name"),
        ),
    ] = ""
    from_address: Annotated[
        str,
        Meta(min_length=3, max_length=254),
        Setting(
            Text("Sender's address"),
            Text("The mail server must accept mail from it."),
            section=Text("Sender"),
            kind="email",
            config="mail_from",
            from_config=_sender("email"),
        ),
    ] = "noreply@localhost"
    reply_to: Annotated[
        str,
        Meta(max_length=254),
        Setting(
            Text("Address for replies"),
            Text("To mail that names no other. Empty: the sender's address."),
            section=Text("Sender"),
            kind="email",
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.host and ascii_host(self.host) is None:
            text = Text("Enter the name of a server, without its port, such as smtp.example.org.")
            raise SettingRejected("host", text)
        if not is_email_address(self.from_address):
            raise SettingRejected("from_address", Text("Enter an email address."))

    @property
    def server(self) -> SmtpUrl | None:
        """The mail server; None where none is set."""
        if not self.host:
            return None
        return SmtpUrl(
            host=ascii_domain(self.host),
            port=self.port or default_port(self.security, self.user),
            security=self.security,
            user=self.user or None,
            password=self.password or Secret(""),
        )

    @property
    def sender(self) -> Address:
        """Whom the site's mail comes from."""
        return Address(self.from_name, self.from_address)


def ascii_host(text: str) -> str | None:
    """Return the name of a host as the DNS has it, or an address; ``None`` for anything else."""
    try:
        host = ascii_domain(text)
    except UnicodeError:
        return None
    return host if is_host(host) else None


#: The site's own groups, in their order.
OWN_GROUPS: Final = (
    SettingsGroup("organisation", Text("Organisation"), Organisation, order=10),
    SettingsGroup(
        "appearance",
        Text("Appearance"),
        Appearance,
        Text("Darker and lighter shades, and those for dark screens, follow from these."),
        order=20,
    ),
    SettingsGroup("regional", Text("Language and time"), Regional, order=30),
    SettingsGroup(
        "mail",
        Text("Mail"),
        MailSettings,
        Text("How mail leaves the site. A change counts from the next letter."),
        order=40,
        recent_sign_in=True,
    ),
)
