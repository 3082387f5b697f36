"""The cookie in which a browser keeps a challenge between the password and the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core.features.accounts.signing_in.second_step import CHALLENGE_LASTS

if TYPE_CHECKING:
    from changemaker_core import Request

PATH: Final = "/sign-in/code"
_NAME: Final = "cm_challenge"


def read(req: Request) -> str:
    """Return the challenge of a browser; ``""`` where it has none."""
    values = req.get_cookie_values(_name_for(req))
    return values[0] if values else ""


def remember(req: Request, challenge: str) -> tuple[str, str]:
    """Return the header that has the browser keep a challenge."""
    return _header(req, challenge, int(CHALLENGE_LASTS.total_seconds()))


def forget(req: Request) -> tuple[str, str]:
    """Return the header that deletes it."""
    return _header(req, "", 0)


def _header(req: Request, value: str, seconds: int) -> tuple[str, str]:
    written = (
        f"{_name_for(req)}={value}; Path={req.root_path}{PATH}; Max-Age={seconds}"
        "; HttpOnly; SameSite=Strict"
    )
    return "Set-Cookie", written + "; Secure" if req.is_secure else written


def _name_for(req: Request) -> str:
    return f"__Secure-{_NAME}" if req.is_secure else _NAME
