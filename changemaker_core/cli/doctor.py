"""``changemaker doctor``: looks at a site from outside and says what to mend."""

from __future__ import annotations

import ipaddress
import json
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import click

from changemaker_core.cli.common import holds_site, no_site, site_folder, site_option
from changemaker_core.cli.survey import Surveyed, surveyed

if TYPE_CHECKING:
    from pathlib import Path

#: How long a server may take to answer, in seconds: doctor is run while something is down.
PATIENCE = 3.0
MEGABYTE = 1_000_000
FEW_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``mend`` is empty where all is well."""

    name: str
    status: Literal["ok", "warning", "error"]
    message: str
    mend: str = ""


Check = Callable[[Surveyed], Iterator[Finding]]


@click.command()
@site_option
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def doctor(as_json: bool) -> None:
    """Look at configuration, plugins, database, mail, secrets and disk, and say what to mend.

    Exit status 1 when something keeps the site from working.
    """
    folder = site_folder()
    with surveyed(folder) as site:
        # Where there is no site, all else would be said of one that nobody has made.
        checks = CHECKS if holds_site(folder) else (_configuration, _plugins)
        findings = [finding for check in checks for finding in _run(check, site)]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(_shown(finding))
    sys.exit(int(any(finding.status == "error" for finding in findings)))


def _run(check: Check, site: Surveyed) -> list[Finding]:
    """A check that fails itself is a finding too, so that the others are still made."""
    try:
        return list(check(site))
    except Exception as error:
        from changemaker_core.plugin.wording import exception_line

        name = check.__name__.removeprefix("_").replace("_", " ")
        return [Finding(name, "error", f"Could not be looked at: {exception_line(error)}.")]


def _shown(finding: Finding) -> str:
    mark = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}[finding.status]
    lines = [f"{mark}  {finding.name}: {finding.message}"]
    return "\n".join([*lines, f"         {finding.mend}"] if finding.mend else lines)


def _configuration(site: Surveyed) -> Iterator[Finding]:
    if not holds_site(site.config.site_dir):
        message, mend = no_site(site.config.site_dir)
        yield Finding("configuration", "error", message, mend)
        return
    for problem in site.config_problems:
        yield Finding("configuration", "error", str(problem), f"Correct {problem.where}.")
    if not site.config_problems:
        yield Finding("configuration", "ok", "All keys are known and have good values.")


def _plugins(site: Surveyed) -> Iterator[Finding]:
    from changemaker_core.plugin.errors import described

    for p in site.plugins.problems:
        who = described(p.plugin, p.distribution, p.version)
        yield Finding("plugins", "error", f"{who}: {p.problem}", p.mend)
    deny = site.config.plugins_deny
    for name in sorted({name for name in deny if deny.count(name) > 1}):
        yield Finding(
            "plugins", "warning", f"plugins.deny names {name!r} twice.", "Once is enough."
        )
    installed = {note.name for note in site.plugins.loaded.skipped}
    for name in sorted(set(deny) - installed - {p.plugin for p in site.plugins.problems}):
        message = f"plugins.deny names {name!r}, which is not installed."
        yield Finding("plugins", "warning", message, "Take it off the list.")
    if not site.plugins.problems:
        names = ", ".join(plugin.name for plugin in site.plugins.loaded.plugins)
        yield Finding("plugins", "ok", f"Loaded in this order: {names}.")


def _database(site: Surveyed) -> Iterator[Finding]:
    url = site.config.database_url
    if unreachable := _unreachable_database(url, site.config.site_dir):
        yield unreachable
        return
    try:
        site.site.db.sync.read(lambda: None)
    except Exception as error:
        message = f"It does not answer: {type(error).__name__}: {' '.join(str(error).split())}."
        yield Finding("database", "error", message, "Look at database_url and at its server.")
        return
    yield Finding("database", "ok", f"{site.site.db.dialect} answers.")
    fits = _migrations(site)
    yield fits
    if fits.status == "ok":
        yield from _queues(site)


def _queues(site: Surveyed) -> Iterator[Finding]:
    from changemaker_core.jobs import REASONS, holds

    held = site.site.db.sync.all(holds())
    for hold in held:
        told = f"{hold.queue} is held since {hold.since:%Y-%m-%d %H:%M} UTC. {REASONS[hold.reason]}"
        order = f"`changemaker --site {site.config.site_dir} queues release {hold.queue}`"
        yield Finding("queues", "warning", told, f"{order} says what waits, and asks.")
    if not held:
        yield Finding("queues", "ok", "No queue is held.")


def _unreachable_database(url: str, folder: Path) -> Finding | None:
    """The finding for a database that is not there, found without creating or waiting long."""
    from pathlib import Path

    if url.startswith("sqlite:///"):
        if Path(url.removeprefix("sqlite:///")).is_file():
            return None
        mend = f"`changemaker --site {folder} migrate` makes it."
        return Finding("database", "error", "The file of database_url is not there.", mend)
    parts = urlsplit(url)
    if parts.hostname and (trouble := _unanswered(parts.hostname, parts.port or 5432)):
        message = f"Nothing answers at {parts.hostname}:{parts.port or 5432}: {trouble}."
        return Finding("database", "error", message, "Start PostgreSQL, or correct database_url.")
    return None


def _unanswered(host: str, port: int) -> str | None:
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError as error:
        return str(error) or type(error).__name__
    return None


def _replicas(site: Surveyed) -> Iterator[Finding]:
    """Each read replica, with its lag. The site works without them: it asks the primary then."""
    if not site.config.read_urls:
        return
    import psycopg2

    from changemaker_core.db.postgresql import replicas

    try:
        states = replicas.inspect(site.config.read_urls, site.config.database_url, PATIENCE)
    except psycopg2.Error:
        return  # said of the database itself
    for state in states:
        name = f"replica {state.number}"
        if state.concern:
            message = f"{state.host} is not of full use: {state.concern}."
            mend = "Look at its server; until then the primary is read instead."
            yield Finding(name, "warning", message, mend)
        else:
            yield Finding(name, "ok", f"{state.host} follows, {state.lag:.1f} s behind.")


def _migrations(site: Surveyed) -> Finding:
    from changemaker_core.db import migrations

    state = migrations.state(site.site.db, site.site.migration_folders())
    if state.ahead:
        message = f"The database is ahead of the code by {len(state.ahead)} migrations."
        mend = "Install the newer packages that made them, or restore a backup from before."
        return Finding("migrations", "error", message, mend)
    if state.behind:
        message = f"The database is behind the code by {len(state.behind)} migrations."
        mend = f"Make a backup, then `changemaker --site {site.config.site_dir} migrate`."
        return Finding("migrations", "error", message, mend)
    return Finding("migrations", "ok", "The database fits the code.")


def _mail(site: Surveyed) -> Iterator[Finding]:
    config = site.config
    if config.smtp_url is None:
        if config.development:
            yield Finding("mail", "ok", "Mail goes to a folder, as it should in development.")
            return
        mend = "Set smtp_url, such as smtp://user:password@mail.example.org:587."
        yield Finding("mail", "warning", "No mail leaves: smtp_url is not set.", mend)
        return
    if config.mail_from == "noreply@localhost":
        message = "mail_from is still noreply@localhost, which servers refuse."
        yield Finding("mail", "warning", message, "Set mail_from to an address of yours.")
    yield _smtp(config.smtp_url)


def _smtp(url: str) -> Finding:
    import smtplib

    parts = urlsplit(url)
    secure = parts.scheme == "smtps"
    kind = smtplib.SMTP_SSL if secure else smtplib.SMTP
    host, port = parts.hostname or "", parts.port or (465 if secure else 25)
    try:
        with kind(host, port, timeout=PATIENCE) as server:
            server.ehlo()
    except (OSError, smtplib.SMTPException) as error:
        message = f"{host}:{port} does not answer as a mail server: {error}."
        return Finding("mail", "error", message, "Start it, or correct smtp_url.")
    return Finding("mail", "ok", f"{host}:{port} answers. (Nothing was sent.)")


def _redis(site: Surveyed) -> Iterator[Finding]:
    url = site.config.redis_url
    if url is None:
        return
    from redis.exceptions import RedisError

    from changemaker_core.shared.connection import connect, server_version
    from changemaker_core.shared.tickets import living_workers

    client = connect(url, connect_seconds=PATIENCE, answer_seconds=PATIENCE)
    try:
        version, workers = server_version(client), living_workers(client)
    except (RedisError, OSError) as error:
        message = f"It does not answer, so jobs wait: {type(error).__name__}: {error}."
        yield Finding("redis", "error", message, "Start Redis or Valkey, or correct redis_url.")
        return
    if workers:
        yield Finding("redis", "ok", f"{version} answers. Workers: {workers}.")
    else:
        mend = f"`changemaker --site {site.config.site_dir} worker` starts one."
        yield Finding(
            "redis", "warning", f"{version} answers, and no worker is there to do jobs.", mend
        )


def _secret(site: Surveyed) -> Iterator[Finding]:
    key = site.config.secret_key
    guessable = len(set(key)) < FEW_CHARACTERS or "changeme" in key.lower()
    if guessable:
        message = "secret_key looks as if somebody had thought of it."
        mend = "`python -c 'import secrets; print(secrets.token_urlsafe(48))'` makes a better one."
        yield Finding("secret", "warning", message, mend)
    else:
        yield Finding("secret", "ok", "secret_key is long and varied.")


def _files(site: Surveyed) -> Iterator[Finding]:
    """Files that hold secrets can be read by their owner alone."""
    folder = site.config.site_dir
    secret = site.config.origins.get(("secret_key",))
    holders = {".env", "changemaker.toml"} if secret and not secret.textual else {".env"}
    findings = [_permission(folder / name) for name in sorted(holders)]
    yield from filter(None, findings)
    if not any(findings):
        yield Finding("files", "ok", "Secrets can be read by their owner alone.")


def _permission(path: Path) -> Finding | None:
    mode = path.stat().st_mode if path.is_file() else 0
    mend = f"`chmod 600 {path}`"
    if mode & stat.S_IRWXO:
        message = f"{path.name} holds secrets, and everybody on this machine can use it."
        return Finding("files", "error", message, mend)
    if mode & stat.S_IRWXG:
        message = f"{path.name} holds secrets, and its group can use it."
        return Finding("files", "warning", message, mend)
    return None


def _base_url(site: Surveyed) -> Iterator[Finding]:
    parts = urlsplit(site.config.base_url)
    public = not _is_own_machine(parts.hostname or "")
    if public and site.config.development:
        message = f"development is on, and base_url ({site.config.base_url}) can be public."
        mend = "Set development = false: it shows everybody the mailbox and errors."
        yield Finding("base url", "error", message, mend)
    elif public and parts.scheme == "http":
        message = "base_url is http: passwords and messages travel readable by others."
        yield Finding("base url", "warning", message, "Put TLS in front and write https://.")
    elif not public and not site.config.development:
        message = f"base_url is {site.config.base_url}; links in mail lead nowhere for others."
        yield Finding("base url", "warning", message, "Set base_url to the public address.")
    else:
        yield Finding("base url", "ok", site.config.base_url)


def _is_own_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _disk(site: Surveyed) -> Iterator[Finding]:
    free = shutil.disk_usage(site.config.site_dir).free // MEGABYTE
    message = f"{free:,} MB are free."
    mend = "Make room: a full disk stops the database."
    if free < 100:
        yield Finding("disk", "error", message, mend)
    elif free < 1000:
        yield Finding("disk", "warning", message, mend)
    else:
        yield Finding("disk", "ok", message)


CHECKS: tuple[Check, ...] = (
    _configuration,
    _plugins,
    _database,
    _replicas,
    _mail,
    _redis,
    _secret,
    _files,
    _base_url,
    _disk,
)
