"""``@endpoint``: what a responder declares, what is checked at boot, and what guards it.

``declaration`` is what an author writes, and ``Endpoint`` what one site makes of it with its
configuration. ``checks`` returns what is wrong with the routes of a site, before any is mounted.
``guard`` puts limits, authorisation and validation in front of each responder.
"""

from changemaker_core.http.endpoint.declaration import (
    Body,
    Declaration,
    Endpoint,
    declared,
    declared_endpoint,
    endpoint,
)

__all__ = ["Body", "Declaration", "Endpoint", "declared", "declared_endpoint", "endpoint"]
