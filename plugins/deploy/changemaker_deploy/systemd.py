"""systemd units: one service for each process group of a site, and one for its job worker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_deploy.files import GeneratedFile, render
from changemaker_deploy.topology import stop_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_deploy.topology import Topology, Upstream

#: Seconds that running jobs get to finish.
_JOB_SECONDS = 8
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_HOMES = ("/home", "/root", "/run/user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where a site is installed, and how it runs there.

    ``writable`` are folders outside of the site's own, such as a database's. ``processes`` is the
    number of web processes of each service. ``worker`` adds a service that runs
    ``changemaker worker``. ``drain`` is for how many seconds requests in progress may go on at a
    stop, unless an upstream has its own. Raises ``ValueError`` for a ``user`` that is not an
    account's name.
    """

    site: Path
    executable: Path
    user: str = "changemaker"
    processes: int = 1
    writable: tuple[Path, ...] = ()
    worker: bool = False
    drain: int = _JOB_SECONDS

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.user):
            raise ValueError(f"{self.user!r} is not the name of an account.")

    @property
    def is_in_a_home(self) -> bool:
        """Whether hiding every home folder would hide a part of the site too."""
        needed = (self.site, self.executable, *self.writable)
        return any(path.is_relative_to(home) for path in needed for home in _HOMES)


def systemd(topology: Topology, installation: Installation) -> list[GeneratedFile]:
    """Return ``changemaker.service``, one more for each split, and the worker's if it has one.

    Raises ``ValueError`` for a path that a unit cannot hold.
    """
    files = [_web_service(topology, upstream, installation) for upstream in topology.upstreams]
    if installation.worker:
        arguments = ["worker"]
        files.append(
            _unit("changemaker-worker.service", "job worker", arguments, installation, _JOB_SECONDS)
        )
    return files


def _web_service(
    topology: Topology, upstream: Upstream, installation: Installation
) -> GeneratedFile:
    plugins = "-".join(upstream.plugins)
    arguments = ["serve", "--host", upstream.host, "--port", str(upstream.port)]
    arguments += ["--workers", str(installation.processes), *topology.serve_options(upstream)]
    name = f"changemaker-{plugins}.service" if plugins else "changemaker.service"
    description = f"site ({plugins})" if plugins else "site"
    drain = installation.drain if upstream.drain is None else upstream.drain
    return _unit(name, description, arguments, installation, drain)


def _unit(
    name: str, description: str, arguments: list[str], installation: Installation, drain: int
) -> GeneratedFile:
    site = installation.site
    command = [str(installation.executable), "--site", str(site), *arguments]
    text = render(
        "unit.service.j2",
        description=description,
        reloads=arguments[0] == "serve",
        user=installation.user,
        drain=drain,
        stop_seconds=stop_seconds(drain),
        command=" ".join(map(_word, command)),
        site=_path(site),
        writable=" ".join(_path(path) for path in (site, *installation.writable)),
        protect_home="read-only" if installation.is_in_a_home else "yes",
    )
    return GeneratedFile(name, text)


def _word(text: str) -> str:
    """One word of a command line, in which systemd expands nothing."""
    escaped = _without_specifiers(text).replace("$", "$$")
    return escaped if re.fullmatch(r"[A-Za-z0-9_./:,=%$@+-]+", escaped) else _quoted(escaped)


def _path(path: Path) -> str:
    escaped = _without_specifiers(str(path))
    return _quoted(escaped) if re.search(r'[ "]', escaped) else escaped


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _without_specifiers(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} cannot be written into a unit.")
    return text.replace("%", "%%")
