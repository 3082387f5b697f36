"""Rules for values beyond their types. Each returns an error message, or None if it is valid."""

from __future__ import annotations

import ipaddress
import os
import posixpath
import re
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from changemaker_core.config import dkim_key, redis_url, smtp_url
from changemaker_core.config.email_address import LINE_BREAKS, is_email_address
from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.config.urls import (
    CONTROL,
    is_public_host,
    origin_of,
    parse_url,
    password_hint,
)
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core.config.secret import Secret

MINIMUM_SECRET_BYTES = 32
NEW_KEY_HINT = "Generate one: `python -c 'import secrets; print(secrets.token_urlsafe(48))'`"
#: The languages of core: that of the sources, and those that have a folder in ``locale/``.
LOCALES = ("en", *sorted(path.name for path in (Path(__file__).parents[1] / "locale").iterdir()))
#: What numbers of connections, requests and seconds may be, and numbers of bytes.
_LARGEST, _LARGEST_BYTES = 2**31 - 1, 2**50
_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?")
#: Names of plugins' tables. Only core's own plugins have underscores in their names.
PLUGIN_NAME = re.compile(r"[a-z][a-z0-9_]*")


def absolute_sqlite(url: str, site_dir: Path) -> str:
    """Return a SQLite URL with an absolute path; relative ones are relative to ``site_dir``.

    Other URLs, and absolute paths (``sqlite:////srv/site.db``), are returned unchanged.
    """
    path = url.removeprefix("sqlite:///")
    return url if path == url else f"sqlite:///{site_dir.resolve() / path}"


def missing_folder(url: str, site_dir: Path) -> str | None:
    """Return why there can be no SQLite database at a URL; None for one on a server."""
    path = Path(absolute_sqlite(url, site_dir).removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///"):
        return None
    # NOTE(closed): Path.is_dir raises PermissionError for what this account must not look at.
    if os.path.isdir(path):
        return f"must name a file: {path} is a folder."
    if is_closed(path.parent):
        return f"names a file in {path.parent}, which this account cannot open: see its owner."
    if not os.path.isdir(path.parent):
        return f"names a file in {path.parent}, a folder that does not exist: create it first."
    return None


def is_closed(folder: Path) -> bool:
    """Return whether this account must not look at a folder, so that nobody knows what is there."""
    try:
        folder.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _database_url(value: str) -> str | None:
    allowed = "must be sqlite:///file.db or postgresql://user:password@host:port/name."
    allowed += password_hint(value)
    parts = parse_url(value)
    if parts is None:
        return allowed
    if value.startswith("sqlite:///"):
        in_memory = parts.path in ("", "/") or ":memory:" in value
        return "must name a file: in-memory databases are not supported." if in_memory else None
    named = parts.path.strip("/") and "#" not in value
    if parts.scheme in ("postgresql", "postgres") and named:
        return None
    return allowed


def _read_urls(values: tuple[str, ...]) -> str | None:
    if all(not value.startswith("sqlite:") and _database_url(value) is None for value in values):
        return None
    hint = next(filter(None, map(password_hint, values)), "")
    return f"must be postgresql://user:password@host:port/name, one for each replica.{hint}"


def _redis_url(value: str) -> str | None:
    unprintable = CONTROL.search(value) or " " in value
    problem = redis_url.ALLOWED if unprintable else redis_url.problem(value)
    return problem and problem + password_hint(value)


def _secret_key(value: str) -> str | None:
    if value.lstrip().startswith("#"):  # NOTE(docker): `--env-file` keeps what is after a value
        return f"begins with a #, as a comment does, which anybody could guess. {NEW_KEY_HINT}"
    if len(value.encode()) >= MINIMUM_SECRET_BYTES:
        return None
    return f"must be at least {MINIMUM_SECRET_BYTES} bytes long. {NEW_KEY_HINT}"


def _previous_secret_keys(values: tuple[str, ...]) -> str | None:
    return next((problem for value in values if (problem := _secret_key(value))), None)


def _smtp_url(value: str) -> str | None:
    try:
        SmtpUrl.parse(value)
    except ValueError:
        return f"must be {smtp_url.ALLOWED}.{password_hint(value)}"
    return None


def _mail_from(value: str) -> str | None:
    address = parseaddr(value)[1]
    # NOTE(lenient): the parser leaves out what it does not understand.
    whole = value.strip() == address or value.rstrip().endswith(f"<{address}>")
    good = whole and is_email_address(address) and not LINE_BREAKS.search(value)
    return None if good else "must be an email address, or Name <address>."


def _dkim_selector(value: str | None) -> str | None:
    good = value is None or dkim_key.SELECTOR.fullmatch(value)
    return None if good else "must be the selector of a DKIM record, such as changemaker."


def dkim_key_problem(selector: str | None, file: Path) -> str | None:
    """Return why ``dkim_key_file`` cannot be used, or None."""
    if selector is None:
        return "needs dkim_selector, the name under which the DNS has the key."
    try:
        dkim_key.load_key(file)
    except ValueError as error:
        return f"{error}. `changemaker mail dkim-key` makes one."
    return None


def _base_url(value: str) -> str | None:
    parts = parse_url(value)
    good = (
        parts is not None
        and parts.scheme in ("http", "https")
        and parts.hostname
        # Names of containers may have underscores, which the DNS does not know.
        and origin_of(value.replace("_", "-")) is not None
        and not (parts.query or parts.fragment or parts.username)
    )
    return None if good else "must be http://host or https://host, without query and fragment."


def _static_url(value: str | None) -> str | None:
    # NOTE(policy): the origin becomes a part of the content security policy.
    good = value is None or (_base_url(value) is None and re.fullmatch(r"[^\s;,'\"]+", value))
    return None if good else "must be https://host, without query and fragment."


def _home_page(value: str | None) -> str | None:
    if value is None:
        return None
    # NOTE(redirect): "//host" and "/\host" would redirect visitors to another site.
    if not re.fullmatch(r"/(?![/\\])[^\s\\]*", value):
        return "must be a path of this site, beginning with /."
    return home_page_loop(value)


def _organisation(value: str) -> str | None:
    good = value.strip() and not CONTROL.search(value)
    return None if good else "must be a name, on one line."


def _default_locale(value: str) -> str | None:
    # Plugins bring further languages: doctor reports one that no package has.
    good = re.fullmatch(r"[a-z]{2,3}", value)
    return None if good else "must be the code of a language, such as en or fr."


def _region(value: str | None) -> str | None:
    good = value is None or re.fullmatch(r"[A-Z]{2}|[0-9]{3}", value)
    return None if good else "must be a country code, such as CA."


def _time_zone(value: str) -> str | None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(value, available_timezones())
        return f"must be a time zone, such as UTC or America/Edmonton.{hint}"
    return None


def _networks(values: tuple[str, ...]) -> str | None:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            hint = _network_meant(value)
            return f"must be addresses or networks, such as 127.0.0.1 or 10.0.0.0/8.{hint}"
    return None


def _metrics_token(value: Secret) -> str | None:
    good = re.fullmatch(r"[!-~]{16,}", value.reveal())
    return None if good else "must be at least 16 characters: letters, digits, punctuation."


def _network_meant(value: str) -> str:
    """Return a suggestion for a network that names one of its addresses."""
    try:
        meant = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return ""
    return f" You may mean {meant}, or the address {value.partition('/')[0]} alone."


def _content_origins(values: tuple[str, ...]) -> str | None:
    # They become a header of every page: nothing else may fit in.
    good = all(_ORIGIN.fullmatch(value) for value in values)
    return None if good else "must be origins without a path, such as https://files.example.org."


def _cors_origins(values: tuple[str, ...]) -> str | None:
    # NOTE(exact): they are compared with what browsers send, character by character.
    wrong = [value for value in values if origin_of(value) != value]
    if not wrong:
        return None
    meant = [origin for value in wrong if (origin := origin_of(value)) is not None]
    hint = f" You may mean {', '.join(meant)}." if meant else ""
    return (
        "must be whole origins as browsers send them, such as https://www.example.org: no path, "
        f"no *, no null.{hint}"
    )


def _plugin_names(values: tuple[str, ...]) -> str | None:
    good = all(PLUGIN_NAME.fullmatch(value) for value in values)
    return None if good else "must be names of plugins, such as petitions."


def _between(least: int, most: int = _LARGEST) -> Callable[[int], str | None]:
    allowed = f"must be between {least} and {most}."
    return lambda value: None if least <= value <= most else allowed


def _seconds(value: float) -> str | None:
    return None if 0 <= value <= _LARGEST else "must be a number of seconds, or 0 for never."


def home_page_loop(path: str) -> str | None:
    """Return what is wrong with a home page that leads to ``/`` again; None if it does not.

    Browsers resolve ``/.`` and ``/%2e/`` to ``/`` before they request it.
    """
    if posixpath.normpath(unquote(urlsplit(path).path)).strip("/"):
        return None
    return "must be another path than /, which leads to the home page itself."


def development_problem(base_url: str) -> str | None:
    """Return why a site with this address must not be in development; None if it may."""
    if not is_public_host(urlsplit(base_url).hostname or ""):
        return None
    return (
        f"must be false beside a public base_url ({base_url}): it shows visitors the mailbox and "
        "the details of errors."
    )


def read_urls_problem(database_url: str) -> str | None:
    """Return why ``read_urls`` cannot be used with a database, or None."""
    if database_url.startswith("sqlite:"):
        return (
            "needs PostgreSQL: these are its read replicas. "
            "Set database_url to postgresql://…, or remove read_urls."
        )
    return None


def redis_url_problem(database_url: str) -> str | None:
    """Return why ``redis_url`` cannot be used with a database and these packages, or None."""
    if database_url.startswith("sqlite:"):
        return (
            "needs PostgreSQL: workers and web processes on several machines share one database. "
            "Set database_url to postgresql://…, or remove redis_url."
        )
    if missing := redis_url.missing_packages():
        return (
            f"needs packages that are not installed ({', '.join(missing)}): "
            "`pip install 'changemaker-core[redis]'`, or remove redis_url."
        )
    return None


def _concurrency(value: Mapping[str, int]) -> str | None:
    wrong = [queue for queue, number in value.items() if number < 1]
    return (
        f"must be 1 or more for each queue: {', '.join(wrong)} would never run." if wrong else None
    )


RULES: dict[str, Callable[[Any], str | None]] = {
    "database_url": _database_url,
    "read_urls": _read_urls,
    "postgresql_threads": _between(1),
    "postgresql_read_connections": _between(1),
    "postgresql_idle_seconds": _between(1),
    "postgresql_read_seconds": _between(1),
    "redis_url": _redis_url,
    "secret_key": _secret_key,
    "previous_secret_keys": _previous_secret_keys,
    "smtp_url": _smtp_url,
    "mail_from": _mail_from,
    "dkim_selector": _dkim_selector,
    "mail_failures_before_hold": _between(0),
    "base_url": _base_url,
    "static_url": _static_url,
    "content_origins": _content_origins,
    "cors_origins": _cors_origins,
    "cors_credentials": _cors_origins,
    "home_page": _home_page,
    "organisation": _organisation,
    "default_locale": _default_locale,
    "region": _region,
    "time_zone": _time_zone,
    "jobs_concurrency": _concurrency,
    "trusted_proxies": _networks,
    "metrics_access": _networks,
    "metrics_token": _metrics_token,
    "plugins_allow": _plugin_names,
    "plugins_deny": _plugin_names,
    "max_body_bytes": _between(1, _LARGEST_BYTES),
    "api_rate_limit": _between(1),
    "page_rate_limit": _between(1),
    "event_streams": _between(0),
    "event_streams_per_visitor": _between(0),
    "cache_bytes": _between(0, _LARGEST_BYTES),
    "max_connections": _between(1),
    "drain_seconds": _between(1),
    "log_slow_request_seconds": _seconds,
    "log_slow_query_seconds": _seconds,
    "jobs_niceness": _between(0, 19),
}
