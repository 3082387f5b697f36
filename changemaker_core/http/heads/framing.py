"""Heads of requests that another server in front might understand differently than we do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from changemaker_core.http.errors import BadRequest, Problem
from changemaker_core.http.heads.proxies import all_values
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_PORT = rb"(?::\d{1,5})?"
_HOST = re.compile(rb"[A-Za-z0-9._~-]{1,253}" + _PORT + rb"|\[[0-9A-Fa-f:.]{2,45}\]" + _PORT)
_CLOSE = [("Connection", "close")]


def head_problem(scope: dict[str, Any]) -> Problem | None:
    """Return what is wrong with ``Host`` or ``Transfer-Encoding`` (RFC 9112, sections 3.2 and 6.1).

    Exactly one well-formed ``Host``, which HTTP/1.0 may leave out; no coding but ``chunked``, and
    that neither beside ``Content-Length`` nor in HTTP/1.0, which knows none.
    """
    return _host_problem(scope) or _coding_problem(scope)


def _host_problem(scope: dict[str, Any]) -> Problem | None:
    hosts = all_values(scope, b"host")
    if not hosts and scope.get("http_version") == "1.0":
        return None
    if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):
        return None
    detail = Text("Send the header Host exactly once, as a name or address with or without a port.")
    return BadRequest(detail, code="bad_host", headers=_CLOSE)


def _coding_problem(scope: dict[str, Any]) -> Problem | None:
    codings: Sequence[bytes] = all_values(scope, b"transfer-encoding")
    if not codings:
        return None
    if scope.get("http_version") == "1.0" or all_values(scope, b"content-length"):
        detail = Text("Send the header Transfer-Encoding in HTTP/1.1, without Content-Length.")
        return BadRequest(detail, code="bad_framing", headers=_CLOSE)
    if len(codings) == 1 and codings[0].strip().lower() == b"chunked":
        return None
    title = Text("This transfer coding is not supported.")
    return Problem(501, "transfer_coding", title, headers=_CLOSE)
