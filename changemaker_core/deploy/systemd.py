"""systemd units: one service for each process group of a site, and one for workers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.deploy.files import GeneratedFile, render

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_core.deploy.topology import Topology, Upstream

_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_HOMES = ("/home", "/root", "/run/user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where the site runs. ``writable`` are folders beside the site's own, such as a database's.

    ``processes`` are web processes of each service; ``queue`` says that jobs are done by
    ``changemaker worker``, woken through Redis.
    """

    site: Path
    executable: Path
    user: str = "changemaker"
    processes: int = 1
    writable: tuple[Path, ...] = ()
    queue: bool = False

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.user):
            raise ValueError(f"{self.user!r} is not the name of an account.")

    @property
    def is_in_a_home(self) -> bool:
        """Whether hiding everybody's home would hide the site too."""
        needed = (self.site, self.executable, *self.writable)
        return any(path.is_relative_to(home) for path in needed for home in _HOMES)


def systemd(topology: Topology, machine: Machine) -> list[GeneratedFile]:
    """``changemaker.service``, one more for each split, and a worker where there is a queue."""
    files = [_service(topology, upstream, machine) for upstream in topology.upstreams]
    if machine.queue:
        files.append(_unit("changemaker-worker.service", "job worker", ["worker"], machine))
    return files


def _service(topology: Topology, upstream: Upstream, machine: Machine) -> GeneratedFile:
    own = "-".join(upstream.plugins)
    command = ["serve", "--host", upstream.host, "--port", str(upstream.port)]
    command += ["--workers", str(machine.processes), *topology.options(upstream)]
    name = f"changemaker-{own}.service" if own else "changemaker.service"
    return _unit(name, f"site ({own})" if own else "site", command, machine)


def _unit(name: str, what: str, arguments: list[str], machine: Machine) -> GeneratedFile:
    command = [str(machine.executable), "--site", str(machine.site), *arguments]
    text = render(
        "unit.service.j2",
        what=what,
        serves=arguments[0] == "serve",
        user=machine.user,
        command=" ".join(map(_word, command)),
        site=_path(machine.site),
        writable=" ".join(_path(path) for path in (machine.site, *machine.writable)),
        hide_homes="read-only" if machine.is_in_a_home else "yes",
    )
    return GeneratedFile(name, text)


def _word(text: str) -> str:
    """One word of a command line, of which systemd expands nothing."""
    escaped = _without_specifiers(text).replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_./:,=%$@+-]+", escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _path(path: Path) -> str:
    escaped = _without_specifiers(str(path))
    if " " not in escaped and '"' not in escaped:
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _without_specifiers(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} cannot be written into a unit.")
    return text.replace("%", "%%")
