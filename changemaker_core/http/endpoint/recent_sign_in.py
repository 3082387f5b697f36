"""``recent_sign_in=True``: whoever left their browser open is asked once more who they are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.http.authentication import SAFE_METHODS
from changemaker_core.http.bodies import decoding
from changemaker_core.http.errors import Forbidden, Unauthorized
from changemaker_core.http.rendering import wants_html
from changemaker_core.text import Text
from changemaker_core.web.pages import Redirect

if TYPE_CHECKING:
    from changemaker_core.http.request import Request
    from changemaker_core.web.forms import Form
    from changemaker_core.web.pages import TemplateResponse

RECENT: Final = timedelta(minutes=15)
#: RFC 9470: the credential is valid, and too old for this.
_CHALLENGE: Final = (
    'Bearer error="insufficient_user_authentication", max_age="' + f'{RECENT.seconds}"'
)


async def recent_sign_in_page(
    req: Request, form: Form[Any] | None = None
) -> TemplateResponse | Redirect | None:
    """Return ``None`` where the visitor has signed in recently, or proves now who they are;
    otherwise return what leads a person there.

    For a page that finds out from its path or form that it is needed; ``recent_sign_in=True`` of
    ``endpoint`` is for what always needs it. ``form`` is what was sent to this page: its ``data``
    is sent again with the password. A program gets ``Unauthorized``, and one with a credential of
    its own, which nobody signs in with, ``Forbidden``.
    """
    if req.sign_in is None:
        raise Forbidden(
            Text("Only a person who has signed in can do this."), code="recent_sign_in_required"
        )
    if req.site.clock() - req.sign_in.at < RECENT:
        return None
    confirmation = req.site.authentication.confirmation
    if req.session is not None and confirmation is not None:
        if form is not None:
            sent = await decoding.form(req, confirmation.form)
            return await confirmation.check(req, sent, form.data)
        accept = req.raw_headers.get(b"accept", b"").decode("latin-1")
        if req.method in SAFE_METHODS and wants_html(accept, req.path):
            return Redirect(confirmation.page(_address(req)))
    raise Unauthorized(
        Text("Confirm your password, then try again."),
        code="recent_sign_in_required",
        headers=[("www-authenticate", _CHALLENGE)],
    )


async def check_recent_sign_in(req: Request) -> None:
    """Raise ``Unauthorized`` or ``Forbidden`` unless a person has signed in within 15 minutes.

    ``recent_sign_in=True`` of ``endpoint`` is for what always needs that; this is for a responder
    of the API that finds out from its body.
    """
    await recent_sign_in_page(req)  # only pages are led elsewhere


def _address(req: Request) -> str:
    return f"{req.path}?{req.query_string}" if req.query_string else req.path
