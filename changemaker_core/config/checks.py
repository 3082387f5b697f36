"""What ``changemaker doctor`` checks of the configuration and the site's folder."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import stat
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from changemaker_core.config.secret import Secret
from changemaker_core.config.site_files import HIDDEN_PROXY, OTHERS
from changemaker_core.config.sources import DOTENV, TOML
from changemaker_core.config.urls import is_public_host
from changemaker_core.diagnostics import Check, Finding

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from changemaker_core.config.sources import Entry
    from changemaker_core.site import Site

MEGABYTE = 1_000_000
FEW_CHARACTERS = 12
#: Files of ``data/`` and ``run/`` each that are looked at, and how many a finding names.
MOST_FILES = 20_000
#: Secrets and databases, and what editors and operators leave beside them.
COPIES = (f"{DOTENV}*", "*.db", "*.db[-.~]*", "*.sqlite*", "*.sql*", "*.dump*", "*.bak", "*~")
NAMED = 5
#: A URL with a password, before the host or in the query.
_PASSWORD = re.compile(r"^[\w+]+://(?:[^/@]*:[^/@]+@|.*[?&]\w*password=.)")
#: Seconds for which a proxy that was met is reported.
WEEK = 7 * 86_400.0


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [
        Check("secret", check_secret_key, keys=("secret_key",)),
        Check("files", check_permissions, keys=("database_url",)),
        Check("base url", check_base_url, keys=("base_url", "development")),
        Check("proxies", check_proxies, keys=("base_url", "trusted_proxies")),
        Check("disk", check_disk_space),
    ]


def check_secret_key(site: Site) -> Iterator[Finding]:
    """Warn about a ``secret_key`` that a person made up."""
    key = site.config.secret_key
    if len(set(key)) < FEW_CHARACTERS or "changeme" in key.lower():
        fix = "Generate one: `python -c 'import secrets; print(secrets.token_urlsafe(48))'`"
        yield Finding("warning", "secret_key looks easy to guess.", fix)
    else:
        yield Finding("ok", "secret_key is long and varied.")


def check_permissions(site: Site) -> Iterator[Finding]:
    """Report files of the site that other users of the machine can open, and foreign ones."""
    folder = site.config.site_dir
    findings = [*_replaceable(folder), *_exposed_files(site), *_foreign(site)]
    yield from findings or [Finding("ok", "Only their owner can open the site's files.")]


def _replaceable(folder: Path) -> Iterator[Finding]:
    """Whoever can write in the folder can replace the configuration, and so run code."""
    writable = [
        path for path in (folder, *sorted(folder.iterdir())) if _is_writable_by_others(_mode(path))
    ]
    if writable:
        detail = f"Other users of this machine can change {_named(writable, folder)}."
        yield Finding("error", detail, f"Run `chmod go-w {_arguments(writable)}`.")


def _mode(path: Path) -> int:
    """Return the mode of a file, where a link leads; 0 for what is gone or out of reach."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _is_writable_by_others(mode: int) -> bool:
    """Nobody replaces another's file in a folder like ``/tmp``, which a link may lead to."""
    return bool(mode & (stat.S_IWGRP | stat.S_IWOTH)) and not mode & stat.S_ISVTX


def _exposed_files(site: Site) -> Iterator[Finding]:
    folder = site.config.site_dir
    files = [(path, found.st_mode) for path, found in _private_files(site)]
    open_to = folder.stat().st_mode & stat.S_IXOTH
    if found := [path for path, mode in files if mode & stat.S_IRWXO]:
        detail = f"Every user of this machine has access to {_named(found, folder)}."
        reached = any(open_to or not path.is_relative_to(folder) for path in found)
        guarded = not reached and not any(_is_secret(path) for path in found)
        fix = f"Run `chmod -R go= {_arguments(found)}`."
        yield Finding("warning" if guarded else "error", detail, fix)
    if found := [path for path, mode in files if mode & OTHERS and not mode & stat.S_IRWXO]:
        detail = f"The group has access to {_named(found, folder)}."
        yield Finding("warning", detail, f"Run `chmod -R go= {_arguments(found)}`.")


def _foreign(site: Site) -> Iterator[Finding]:
    """Report files of other users than the folder's: a command was run as root, say."""
    folder = site.config.site_dir
    owner = folder.stat().st_uid
    if found := [path for path, about in _private_files(site) if about.st_uid != owner]:
        detail = f"{_named(found, folder)}: not of the user who owns the site's folder."
        fix = f"Run `chown -R --reference={folder} {_arguments(found)}`, and commands as that user."
        yield Finding("error", detail, fix)


def _private_files(site: Site) -> list[tuple[Path, os.stat_result]]:
    """Return files with secrets or data, at most ``MOST_FILES``; where links lead for links.

    A site that runs deletes some of them meanwhile: those are left out.
    """
    folder = site.config.site_dir
    paths = [path for pattern in COPIES for path in folder.glob(pattern)]
    secrets = _secret_keys(site)
    if any(_holds_password(key, entry, secrets) for key, entry in site.config.origins.items()):
        paths.append(folder / TOML)
    if (database := site.config.database_url).startswith("sqlite:///"):
        written = Path(database.removeprefix("sqlite:///"))
        for name in (str(written), str(written.resolve())):  # SQLite's files are beside the latter
            paths += [Path(name + suffix) for suffix in ("", "-wal", "-shm", ".lock")]
    for inner in ("data", "run"):
        base = (folder / inner).resolve()
        paths += [base, *islice(base.rglob("*"), MOST_FILES)]
    real = dict.fromkeys(path.resolve() if path.is_symlink() else path for path in paths)
    found = []
    for path in real:
        with contextlib.suppress(OSError):
            found.append((path, path.lstat()))
    return found


def _secret_keys(site: Site) -> set[tuple[str, ...]]:
    """Return the keys whose values are secrets, the plugins' included."""
    found: set[tuple[str, ...]] = {("secret_key",), ("previous_secret_keys",), ("metrics_token",)}
    for plugin in site.loaded.plugins:
        if plugin.instance.config is not None:
            values = msgspec.structs.asdict(site.loaded.config_for(plugin))
            found |= {(plugin.name, key) for key, value in values.items() if _has_secret(value)}
    return found


def _has_secret(value: object) -> bool:
    several = value if isinstance(value, list | tuple | set | frozenset) else (value,)
    return any(isinstance(each, Secret) for each in several)


def _holds_password(key: tuple[str, ...], entry: Entry, secrets: set[tuple[str, ...]]) -> bool:
    """Whether an entry of ``changemaker.toml`` is a secret, or a URL with a password."""
    if entry.textual:
        return False
    several = entry.value if isinstance(entry.value, list) else [entry.value]
    return key in secrets or any(isinstance(v, str) and _PASSWORD.search(v) for v in several)


def _is_secret(path: Path) -> bool:
    return path.name == TOML or path.name.startswith(DOTENV) or path.suffix == ".key"


def _named(paths: list[Path], folder: Path) -> str:
    """``.env, site.db and 4 more``, relative to the site's folder."""
    names = [
        str(path.relative_to(folder)) if folder in path.parents else str(path) for path in paths
    ]
    shown, more = names[:NAMED], len(names) - NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _arguments(paths: list[Path]) -> str:
    """Return paths for a command line, those inside of others left out."""
    chosen = [path for path in paths if not any(parent in paths for parent in path.parents)]
    return " ".join(shlex.quote(str(path)) for path in chosen[:NAMED])


def check_base_url(site: Site) -> Iterator[Finding]:
    """Compare ``base_url`` with the mode that the site runs in."""
    config = site.config
    parts = urlsplit(config.base_url)
    public = is_public_host(parts.hostname or "")
    if public and config.development:
        detail = f"development is on, but base_url ({config.base_url}) is a public address."
        fix = "Set development = false: it shows the mailbox, so the site refuses to serve."
        yield Finding("error", detail, fix)
    elif public and parts.scheme == "http":
        detail = "base_url is http: passwords and messages travel unencrypted."
        yield Finding("warning", detail, "Put TLS in front of the site and use https://.")
    elif not public and not config.development:
        detail = f"base_url is {config.base_url}: links in mail work on this machine only."
        yield Finding("warning", detail, "Set base_url to the public address of the site.")
    else:
        yield Finding("ok", config.base_url)


def check_proxies(site: Site) -> Iterator[Finding]:
    """Compare ``trusted_proxies`` with ``base_url``: what ends TLS is a proxy."""
    config = site.config
    if config.base_url.startswith("https:") and not config.trusted_proxies:
        detail = (
            "base_url is https, so a proxy ends TLS, and trusted_proxies is empty: every visitor "
            "has the proxy's address, and no limit tells them apart."
        )
        fix = (
            'Set trusted_proxies to the proxy\'s addresses, such as ["127.0.0.1", "::1"]. Where '
            "another application has mounted the site and reads the proxy's headers, all is well."
        )
        yield Finding("warning", detail, fix)
    elif not config.trusted_proxies and _met_a_proxy(site):
        detail = (
            "In the last week a proxy on this machine has passed requests on, and trusted_proxies "
            "is empty: every visitor has its address, and no limit tells them apart."
        )
        fix = (
            'Set trusted_proxies = ["127.0.0.1", "::1"], and let the proxy send Host, '
            "X-Forwarded-For and X-Forwarded-Proto."
        )
        yield Finding("warning", detail, fix)
    else:
        yield Finding("ok", ", ".join(config.trusted_proxies) or "The site trusts no proxy.")


def _met_a_proxy(site: Site) -> bool:
    try:
        met = (site.run_folder / HIDDEN_PROXY).stat().st_mtime
    except FileNotFoundError:
        return False
    return time.time() - met < WEEK


def check_disk_space(site: Site) -> Iterator[Finding]:
    """Report a disk that is almost full."""
    for holds, folder in site.config.disks().items():
        free = shutil.disk_usage(folder).free // MEGABYTE
        detail = f"{free:,} MB are free{'' if holds == 'site' else f' in {folder}'}."
        if free >= 1000:
            yield Finding("ok", detail)
        else:
            fix = "Free some space: a full disk stops the database."
            yield Finding("error" if free < 100 else "warning", detail, fix)
