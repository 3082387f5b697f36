"""What ``changemaker doctor`` checks of the configuration and the site's folder."""

from __future__ import annotations

import shutil
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from changemaker_core.config.sources import DOTENV, TOML
from changemaker_core.config.urls import is_public_host
from changemaker_core.diagnostics import Check, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from changemaker_core.site import Site

MEGABYTE = 1_000_000
FEW_CHARACTERS = 12


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [
        Check("secret", check_secret_key),
        Check("files", check_permissions),
        Check("base url", check_base_url),
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
    """Report files with secrets that other users of the machine can open."""
    secret = site.config.origins.get(("secret_key",))
    names = {DOTENV, TOML} if secret and not secret.textual else {DOTENV}
    exposed = [
        finding for name in sorted(names) if (finding := _exposed(site.config.site_dir / name))
    ]
    yield from exposed or [Finding("ok", "Only their owner can open the files with secrets.")]


def _exposed(path: Path) -> Finding | None:
    mode = path.stat().st_mode if path.is_file() else 0
    fix = f"Run `chmod 600 {path}`."
    if mode & stat.S_IRWXO:
        detail = f"{path.name} contains secrets, and every user of this machine has access to it."
        return Finding("error", detail, fix)
    if mode & stat.S_IRWXG:
        return Finding("warning", f"{path.name} contains secrets, and its group has access.", fix)
    return None


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


def check_disk_space(site: Site) -> Iterator[Finding]:
    """Report a disk that is almost full."""
    free = shutil.disk_usage(site.config.site_dir).free // MEGABYTE
    detail = f"{free:,} MB are free."
    if free >= 1000:
        yield Finding("ok", detail)
    else:
        fix = "Free some space: a full disk stops the database."
        yield Finding("error" if free < 100 else "warning", detail, fix)
