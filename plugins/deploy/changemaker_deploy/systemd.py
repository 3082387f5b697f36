"""systemd units: a service for each process group of a site, one for its job worker, and a backup
each night."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from changemaker_deploy.files import GeneratedFile, render
from changemaker_deploy.topology import stop_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_deploy.topology import Topology, Upstream

#: Seconds that running jobs get to finish.
_JOB_SECONDS = 8
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
#: What the services may use of the machine's memory together; the rest is the database's.
SHARED_PERCENT: Final = 60
#: How many backups stay.
BACKUPS: Final = 14
#: Bytes, with a unit of 1024, or a share of the machine's memory.
_MEMORY: Final = re.compile(r"[1-9]\d{0,11}[KMGT]?|(?:100|[1-9]\d?)%|infinity")
_HOMES = ("/home", "/root", "/run/user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where a site is installed, and how it runs there.

    ``writable`` are folders outside of the site's own, such as a database's. ``processes`` is the
    number of web processes of each service. ``worker`` adds a service that runs
    ``changemaker worker``. ``drain`` is for how many seconds requests in progress may go on at a
    stop, unless an upstream has its own. ``memory`` is the most that each service may use; by
    default the services share 60 % of the machine's.
    ``backups`` is the folder of backups. Raises ``ValueError`` for a ``user`` that is not an
    account's name, and for a ``memory`` that systemd does not read.
    """

    site: Path
    executable: Path
    user: str = "changemaker"
    processes: int = 1
    writable: tuple[Path, ...] = ()
    worker: bool = False
    drain: int = _JOB_SECONDS
    memory: str | None = None
    backups: Path | None = None

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.user):
            raise ValueError(f"{self.user!r} is not the name of an account.")
        if self.memory is not None and not _MEMORY.fullmatch(self.memory):
            raise ValueError(f"{self.memory!r} is not an amount of memory, such as 2G or 60%.")

    @property
    def is_in_a_home(self) -> bool:
        """Whether hiding every home folder would hide a part of the site too."""
        needed = (self.site, self.executable, *self.writable, self.backup_folder)
        return any(path.is_relative_to(home) for path in needed for home in _HOMES)

    @property
    def backup_folder(self) -> Path:
        """The folder of backups; by default beside the site's."""
        return self.backups or self.site.parent / "backups"


def systemd(topology: Topology, installation: Installation) -> list[GeneratedFile]:
    """Return ``changemaker.service``, one more for each split, the worker's if it has one, and the
    service and timer of the backup.

    Raises ``ValueError`` for a path that a unit cannot hold.
    """
    if installation.memory is None:
        services = len(topology.upstreams) + installation.worker
        installation = replace(installation, memory=f"{max(SHARED_PERCENT // services, 1)}%")
    files = [_web_service(topology, upstream, installation) for upstream in topology.upstreams]
    if installation.worker:
        arguments = ["worker"]
        files.append(
            _unit("changemaker-worker.service", "job worker", arguments, installation, _JOB_SECONDS)
        )
    return [*files, _backup_service(installation), _backup_timer()]


def _backup_service(installation: Installation) -> GeneratedFile:
    folder = installation.backup_folder
    arguments = ["backup", str(folder), "--keep", str(BACKUPS)]
    common = _common(installation, arguments, folder)
    text = render("backup.service.j2", folder=_word(str(folder)), **common)
    return GeneratedFile("changemaker-backup.service", text)


def _backup_timer() -> GeneratedFile:
    return GeneratedFile("changemaker-backup.timer", render("backup.timer.j2"))


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
    text = render(
        "unit.service.j2",
        description=description,
        reloads=arguments[0] == "serve",
        drain=drain,
        stop_seconds=stop_seconds(drain),
        **_common(installation, arguments),
    )
    return GeneratedFile(name, text)


def _common(installation: Installation, arguments: list[str], *writable: Path) -> dict[str, Any]:
    """Return what every service says: its command, its account, and what it can reach."""
    site = installation.site
    command = [str(installation.executable), "--site", str(site), *arguments]
    folders = (site, *installation.writable, *writable)
    return {
        "user": installation.user,
        "command": " ".join(map(_word, command)),
        "site": _path(site),
        "writable": " ".join(map(_path, folders)),
        "protect_home": "read-only" if installation.is_in_a_home else "yes",
        "memory": installation.memory,
    }


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
