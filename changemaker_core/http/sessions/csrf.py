"""Proof that a request of a session comes from one of its own pages (CSRF).

A browser sends the session's cookie along with requests that pages of other sites make it send.
The cookie is ``SameSite=Lax``, and ``refuse_cross_site`` looks at what the browser says about a
request's origin. The token protects where a browser says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from changemaker_core.http import authentication
from changemaker_core.http.errors import Problem
from changemaker_core.text import Text

if TYPE_CHECKING:
    from changemaker_core.http.request import Request

#: The field of a form, and the header of a request by script, that carry the token.
FIELD: Final = "csrf_token"
HEADER: Final = "X-CSRF-Token"


def require_proof(req: Request, *, by_token: bool) -> None:
    """Raise ``Problem`` (403) unless the unsafe request ``req`` comes from this site's own pages.

    ``by_token``: only a token counts. Otherwise the browser's word that the request has the same
    origin counts as well.
    """
    sent = req.get_header(HEADER) or req.form_token
    if sent is not None:
        proven = req.session is not None and req.session.is_csrf_token(sent)
    else:
        proven = not by_token and authentication.is_same_origin(req)
    if not proven:
        raise Problem(
            403,
            "csrf_failed",
            Text("This form has expired."),
            detail=Text("Go back, reload the page, and send it again."),
        )


def field(req: Request) -> Markup:
    """Return the hidden field with the token: ``csrf`` in templates; empty without a session."""
    if req.session is None:
        return Markup("")
    hidden = Markup('<input type="hidden" name="{}" value="{}">')
    return hidden.format(FIELD, req.session.csrf_token())
