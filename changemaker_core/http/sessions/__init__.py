"""Browser sessions as HTTP sees them: the cookie, proof against forged requests, messages.

The feature that owns the sessions (accounts) stores them; its authenticator sets ``req.session``.
"""

from changemaker_core.http.sessions.messages import Flash, flash
from changemaker_core.http.sessions.session import FlashMessage, Session, SessionStore, SignIn

__all__ = ["Flash", "FlashMessage", "Session", "SessionStore", "SignIn", "flash"]
