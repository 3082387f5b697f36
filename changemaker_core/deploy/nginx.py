"""nginx in front of a site: one file for ``/etc/nginx/conf.d`` or ``sites-enabled``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from changemaker_core.deploy.files import GeneratedFile, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core.deploy.rules import Rule
    from changemaker_core.deploy.topology import Topology

#: nginx lets through a little more than the site takes, so that the site says 413 in its own words.
SLACK: Final = 64 * 1024
#: Bodies from this size on go straight to the process; nginx would keep them on its disk first.
UNBUFFERED: Final = 16 * 1024 * 1024
CACHE: Final = "/var/lib/nginx/changemaker"
_MEBIBYTE: Final = 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9_.*:-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What nginx is to listen on. ``certificate`` and ``key`` are files, both or neither."""

    server_names: tuple[str, ...]
    listen: tuple[str, ...] = ()
    certificate: str | None = None
    key: str | None = None
    cache: str | None = CACHE

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("A certificate needs its key, and a key its certificate.")
        for text in (*self.server_names, *(each.strip("[]") for each in self.listen)):
            if not _NAME.fullmatch(re.sub(r"[\[\]]", "", text)):
                raise ValueError(f"{text!r} is not a name or address for nginx.")

    @property
    def ports(self) -> tuple[str, ...]:
        """Addresses and ports, by default those of every interface."""
        port = 443 if self.certificate else 80
        return self.listen or (str(port), f"[::]:{port}")


def nginx(
    topology: Topology, rules: Sequence[Rule], front: Front, *, max_body: int
) -> list[GeneratedFile]:
    """``changemaker.conf``: upstreams, and a server that sends each path where it belongs.

    ``max_body``: bytes that the site takes where an endpoint does not say otherwise.
    """
    text = render(
        "nginx.conf.j2",
        topology=topology,
        front=front,
        locations=[_location(rule) for rule in rules],
        max_body=_size(max_body),
    )
    return [GeneratedFile("changemaker.conf", text)]


def _location(rule: Rule) -> dict[str, object]:
    body = rule.target.max_body
    return {
        "pattern": rule.pattern.replace("\\", "\\\\").replace('"', '\\"'),
        "upstream": rule.target.upstream,
        "max_body": None if body is None else _size(body),
        "unbuffered": body is not None and body >= UNBUFFERED,
    }


def _size(limit: int) -> str:
    """The limit and some slack, in the largest unit of nginx that says it in few digits."""
    amount = limit + SLACK
    if amount < 10 * _MEBIBYTE:
        return f"{-(-amount // 1024)}k"
    return f"{-(-amount // _MEBIBYTE)}m"
