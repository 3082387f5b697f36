"""The peers, installed from npm and PyPI into the cache: once for each version of their lists."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

GRANIAN = "granian==2.8.7"
#: Where Linux distributions put Node's headers, which spares their download.
_NODE_HEADERS = Path("/usr/include/node/node.h")
_NPM = ("npm", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
_IGNORED = shutil.ignore_patterns("node_modules", "client", "__pycache__")


def build(names: Iterable[str], *, say: Callable[[str], None]) -> dict[str, str]:
    """Install the groups of ``names`` that are not yet; what went wrong, for each that failed."""
    failed: dict[str, str] = {}
    for name in names:
        lists, install = GROUPS[name]
        stamp = places.made("stamps") / name
        wanted = _digest(lists) if lists else GRANIAN
        _sync()
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        say(f"installing {name} …")
        try:
            install()
        except subprocess.CalledProcessError as error:
            failed[name] = (error.stderr or error.stdout or str(error)).strip()[-500:]
            say(f"{name} cannot be installed here: {failed[name]}")
        else:
            stamp.write_text(wanted)
    return failed


def built(name: str) -> bool:
    """Whether a group is installed."""
    return (places.made("stamps") / name).exists()


def _sync() -> None:
    shutil.copytree(places.PEERS, _peers(), ignore=_IGNORED, dirs_exist_ok=True)


def _peers() -> Path:
    return places.cache() / "peers"


def _node() -> None:
    folder = _peers()
    _run([*_NPM, "ci"], folder)
    _run([*_NPM[:3], "rebuild", "--loglevel=error", "better-sqlite3"], folder)
    # Generating a client needs no engine; naming one keeps Prisma from downloading it.
    no_engine = {"PRISMA_SCHEMA_ENGINE_BINARY": shutil.which("true") or "/bin/true"}
    for dialect in ("sqlite", "postgresql"):
        schema = f"express-prisma/{dialect}/schema.prisma"
        _run(["npx", "prisma", "generate", "--schema", schema], folder, no_engine)


def _strapi() -> None:
    folder = _peers() / "strapi"
    _run([*_NPM, "install", "--no-package-lock", "--legacy-peer-deps"], folder)
    compiled = _peers() / "node_modules" / "better-sqlite3" / "build"
    if compiled.is_dir():  # the same version, and compiling it takes a minute
        into = folder / "node_modules" / "better-sqlite3" / "build"
        shutil.copytree(compiled, into, dirs_exist_ok=True)
    else:
        _run([*_NPM[:3], "rebuild", "--loglevel=error", "better-sqlite3"], folder)


def _python() -> None:
    folder = places.cache() / "python"
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], places.cache())
    lists = [option for file in _REQUIREMENTS for option in ("-r", str(file))]
    _run([str(folder / "bin" / "pip"), "install", "-q", *lists], places.cache())


def _granian() -> None:
    python = places.cache() / "python" / "bin" / "pip"
    target = str(places.cache() / "granian")
    _run([str(python), "install", "-q", "--upgrade", "--target", target, GRANIAN], places.cache())


_REQUIREMENTS = [places.PEERS / p / "requirements.txt" for p in ("fastapi-sqlalchemy", "django")]
_PACKAGES = sorted([places.PEERS / "package-lock.json", *places.PEERS.glob("*/*/schema.prisma")])
#: What each group is made of, and how it is made. The Python environment comes before granian.
GROUPS: dict[str, tuple[list[Path], Callable[[], None]]] = {
    "node": (_PACKAGES, _node),
    "python": (_REQUIREMENTS, _python),
    "granian": ([], _granian),
    "strapi": ([places.PEERS / "strapi" / "package.json"], _strapi),
}


def _digest(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _run(command: list[str], cwd: Path, environment: Mapping[str, str] = {}) -> None:
    own = {**os.environ, **environment}
    if _NODE_HEADERS.exists():
        own["npm_config_nodedir"] = str(_NODE_HEADERS.parents[2])
    subprocess.run(  # noqa: S603  # our own commands
        command, cwd=cwd, env=own, check=True, capture_output=True, text=True
    )
