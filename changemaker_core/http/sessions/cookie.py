"""The cookie of a session: its name, and how it is set and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from changemaker_core.http.request import Request

    Header = tuple[str, str]

NAME: Final = "cm_session"
#: Every name that the cookie can have.
NAMES: Final = (NAME, f"__Host-{NAME}", f"__Secure-{NAME}")


def name_for(req: Request) -> str:
    """Return the cookie's name for this request.

    Over TLS its prefix makes browsers refuse a cookie of that name that a page without TLS has set
    or, with ``__Host-``, another host of the domain. ``__Host-`` demands the path ``/``, so that a
    site mounted under a prefix has ``__Secure-``.
    """
    return _name(req.is_secure, req.root_path)


def name_at(base_url: str) -> str:
    """Return the cookie's name at the public address of a site."""
    url = urlsplit(base_url)
    return _name(url.scheme == "https", url.path)


def _name(is_secure: bool, prefix: str) -> str:
    if not is_secure:
        return NAME
    return f"__Secure-{NAME}" if prefix else f"__Host-{NAME}"


def read(req: Request) -> str | None:
    """Return the token in the request's cookie; of several, that of the longest path."""
    values = req.get_cookie_values(name_for(req))
    return values[0] if values else None


def setting(req: Request, token: str, seconds: int) -> Header:
    """Return the header that stores ``token`` in the browser for ``seconds``."""
    return _header(req, token, seconds)


def deletion(req: Request) -> Header:
    """Return the header that deletes the cookie."""
    return _header(req, "", 0)


def _header(req: Request, value: str, seconds: int) -> Header:
    written = (
        f"{name_for(req)}={value}; Path={req.root_path or '/'}; Max-Age={seconds}"
        "; HttpOnly; SameSite=Lax"
    )
    return "Set-Cookie", written + "; Secure" if req.is_secure else written
