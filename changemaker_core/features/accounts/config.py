"""Configuration: the ``[accounts]`` table of ``changemaker.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from changemaker_core.config.email_address import ascii_domain, is_email_address


class AccountsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gets an account by themselves, how long a person stays signed in in a browser, and who
    needs a second factor.

    ``registration``: ``"open"`` lets everybody register who has an email address, and ``"closed"``
    nobody: accounts are by invitation.
    ``registration_domains``: where it is open, only for addresses of these domains.
    ``magic_links``: people can have a link mailed that signs them in without their password.

    ``session_idle_minutes``: after so many minutes without a request, a session ends. They are
    counted to within a tenth.
    ``session_days``: after so many days, a session in a browser ends, however it is used.
    ``api_session_days``: the same for one of a program, which refreshes its tokens meanwhile.
    ``two_factor_roles``: whoever has one of these roles, or one that allows all that one of them
    does, for everything or for one object, can only turn on two-factor sign-in until they have done
    that.
    """

    registration: Literal["closed", "open"] = "closed"
    registration_domains: tuple[str, ...] = ()
    magic_links: bool = True
    session_idle_minutes: Annotated[float, Meta(ge=1, le=366 * 1440)] = 720
    session_days: Annotated[float, Meta(gt=0, le=366)] = 7.0
    api_session_days: Annotated[float, Meta(gt=0, le=366)] = 90.0
    two_factor_roles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for domain in self.registration_domains:
            if not is_email_address(f"name@{domain}"):
                raise ValueError(
                    f"registration_domains must be domains such as example.org; {domain!r} is none."
                )

    def ascii_domains(self) -> frozenset[str]:
        """Return the domains that can register, as the DNS has them."""
        return frozenset(ascii_domain(domain).lower() for domain in self.registration_domains)
