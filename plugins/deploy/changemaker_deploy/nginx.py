"""nginx in front of a site: one file for ``/etc/nginx/conf.d`` or ``sites-enabled``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from changemaker_deploy.files import GeneratedFile, render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from changemaker_deploy.locations import Location
    from changemaker_deploy.topology import Topology

#: Bytes that nginx lets through beyond the site's limit, so that the site itself responds with 413.
SLACK: Final = 64 * 1024
#: Bodies from this size on stream to the process; nginx would buffer them on its disk first.
STREAMED_FROM: Final = 16 * 1024 * 1024
DEFAULT_CACHE: Final = "/var/lib/nginx/changemaker"
_MEBIBYTE: Final = 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9_.*:-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServer:
    """The names, addresses and TLS files of nginx's server, and its folder of cached static files.

    ``certificate`` and ``key`` are paths, both or neither. Raises ``ValueError``.
    """

    server_names: tuple[str, ...]
    listen: tuple[str, ...] = ()
    certificate: str | None = None
    key: str | None = None
    cache: str | None = DEFAULT_CACHE

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("A certificate needs its key, and a key its certificate.")
        for text in (*self.server_names, *self.listen):
            if not _NAME.fullmatch(re.sub(r"[\[\]]", "", text)):
                raise ValueError(f"{text!r} is not a name or address for nginx.")

    @property
    def ports(self) -> tuple[str, ...]:
        """Addresses and ports to listen on; by default port 80 or 443 of every interface."""
        port = 443 if self.certificate else 80
        return self.listen or (str(port), f"[::]:{port}")


def nginx(
    topology: Topology,
    locations: Sequence[Location],
    server: VirtualServer,
    *,
    max_body: int,
    files: Path | None = None,
    metrics: bool = False,
) -> list[GeneratedFile]:
    """Return ``changemaker.conf``: the upstreams, and a server that sends each path to its own.

    ``max_body`` is the site's own limit of a request's body, in bytes. ``files`` is the folder of
    the files that nginx sends in place of the site. ``metrics``: visitors who have a token may read
    the metrics through nginx.
    """
    text = render(
        "nginx.conf.j2",
        topology=topology,
        server=server,
        locations=[_rendered(location) for location in locations],
        max_body=_size(max_body),
        metrics=metrics,
        files=None if files is None else _quoted(str(files)),
    )
    return [GeneratedFile("changemaker.conf", text)]


def _rendered(location: Location) -> dict[str, object]:
    target = location.target
    limit = target.max_body
    return {
        "pattern": _quoted(location.pattern),
        "upstream": target.upstream,
        "max_body": None if limit is None else _size(limit),
        "streamed": target.streams or (limit is not None and limit >= STREAMED_FROM),
        "delivery": target.delivery,
    }


def _quoted(text: str) -> str:
    """Escape a text for nginx's double quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _size(limit: int) -> str:
    """The limit and some slack as nginx writes sizes: kibibytes below 10 MiB, else mebibytes."""
    amount = limit + SLACK
    if amount < 10 * _MEBIBYTE:
        return f"{-(-amount // 1024)}k"
    return f"{-(-amount // _MEBIBYTE)}m"
