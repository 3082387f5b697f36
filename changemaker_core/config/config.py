"""The configuration of a site, as one typed object."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import msgspec

from changemaker_core.config.convert import convert, describe, explain, meant
from changemaker_core.config.errors import UNREAD, ConfigError, ConfigProblem, in_order
from changemaker_core.config.rules import (
    NEW_KEY_HINT,
    PLUGIN_NAME,
    RULES,
    absolute_sqlite,
    development_problem,
    dkim_key_problem,
    is_closed,
    missing_folder,
    read_urls_problem,
    redis_url_problem,
)
from changemaker_core.config.secret import Secret
from changemaker_core.config.sources import (
    DOTENV,
    TOML,
    Entries,
    Entry,
    KeyPath,
    read_dotenv,
    read_environment,
    read_toml,
    variable_of,
)
from changemaker_core.text import did_you_mean

S = TypeVar("S", bound=msgspec.Struct)


class Config(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The operator's configuration, with defaults. Create it with :meth:`load`.

    Each key is set in ``changemaker.toml``, or in the environment as ``CHANGEMAKER_<KEY>``.
    """

    #: The folder of the site: its configuration, and by default its data.
    site_dir: Path
    #: ``sqlite:///file``, relative to the site folder, or ``postgresql://…``.
    database_url: str = "sqlite:///site.db"
    #: Read replicas of a PostgreSQL database.
    read_urls: tuple[str, ...] = ()
    #: Threads of a process for units of work on PostgreSQL, each with a connection.
    postgresql_threads: int = 8
    #: Connections of a process to PostgreSQL, and to each replica, for compiled reads.
    postgresql_read_connections: int = 8
    #: Seconds after which a connection to PostgreSQL is closed that nothing uses.
    postgresql_idle_seconds: int = 300
    #: Seconds that a compiled read of PostgreSQL may take.
    postgresql_read_seconds: int = 30
    #: Whether compiled reads are prepared statements; not behind a pooler in transaction mode.
    postgresql_prepare: bool = True
    #: Notifies workers on other machines of jobs, and shares cache and limits between machines.
    redis_url: str | None = None
    #: Signs tokens and keys hashes. At least 32 bytes.
    secret_key: str
    #: Earlier secret keys: links that they signed stay valid until they are removed here.
    previous_secret_keys: tuple[str, ...] = ()
    #: ``smtp://[user:password@]host:port`` or ``smtps://…``; absent: mail is saved to a folder.
    smtp_url: str | None = None
    #: The sender of the site's own mail.
    mail_from: str = "noreply@localhost"
    #: The selector of the DKIM record that signatures of mail are verified with, and the file of
    #: the key that signs, relative to the site folder; absent: the mail server signs, or no one.
    dkim_selector: str | None = None
    dkim_key_file: str | None = None
    #: After how many recipients in a row that no mail reached the queue is held; 0 is never.
    mail_failures_before_hold: int = 10
    #: The public address of the site, without a trailing slash.
    base_url: str = "http://127.0.0.1:4000"
    #: The path that ``/`` leads to; absent: the home page of the first plugin that offers one.
    home_page: str | None = None
    #: The name of the organisation whose site this is.
    organisation: str = "Changemaker"
    #: The language for visitors whose own is unknown, such as ``en`` or ``fr``.
    default_locale: str = "en"
    #: The country whose formats of dates and numbers are used (ISO 3166, such as ``CA``); absent:
    #: that of the first plugin that names one.
    region: str | None = None
    #: The time zone in which times are shown.
    time_zone: str = "UTC"
    #: Shows the mailbox page and the details of errors. Never for a public site.
    development: bool = False
    #: Other origins that pages may load images, media and data from, such as an object storage.
    content_origins: tuple[str, ...] = ()
    #: Origins whose pages may read the API's responses, and those of them whose pages may send
    #: the visitor's cookies, too.
    cors_origins: tuple[str, ...] = ()
    cors_credentials: tuple[str, ...] = ()
    #: Where browsers load static files from, such as a CDN that fetches them from the site.
    static_url: str | None = None
    #: Networks of the proxies whose ``X-Forwarded-For`` is trusted.
    trusted_proxies: tuple[str, ...] = ()
    #: The installed plugins to load; absent: all of them.
    plugins_allow: tuple[str, ...] | None = None
    #: Installed plugins that are not loaded.
    plugins_deny: tuple[str, ...] = ()
    #: The largest request body in bytes, unless an endpoint sets its own limit.
    max_body_bytes: int = 1_000_000
    #: API requests per minute from one IP address.
    api_rate_limit: int = 300
    #: Requests per minute for pages that are not cached, from one IP address.
    page_rate_limit: int = 600
    #: Open event streams of a web process, and of one IP address among them.
    event_streams: int = 500
    event_streams_per_visitor: int = 100
    #: Memory for cached public responses of a web process, in bytes; 0 turns the cache off.
    cache_bytes: int = 32 * 1024 * 1024
    #: Whether a write invalidates cached responses by row where possible; if not, by table.
    row_tags: bool = True
    #: Whether nginx sends files (X-Accel-Redirect), from the location that ``deploy nginx`` writes.
    nginx_files: bool = False
    #: Connections that a web process holds open at once.
    max_connections: int = 1_000
    #: Seconds that requests in progress get to finish when a process stops.
    drain_seconds: int = 8
    #: By how much the CPU priority of processes that run jobs is lowered, from 0 to 19.
    jobs_niceness: int = 5
    #: How many jobs of each queue may run at once in a process; ``default`` is also for the queues
    #: that are not named.
    jobs_concurrency: Mapping[str, int] = MappingProxyType({"default": 4})
    #: Who may read the description of the API: everybody, those who have signed in, or nobody.
    api_docs: Literal["public", "signed-in", "off"] = "public"
    #: Networks whose requests may read the metrics, and the site's health in detail.
    metrics_access: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    #: With this as a bearer token they may be read from anywhere. At least 16 characters.
    metrics_token: Secret | None = None
    #: The folder for backups that are begun from a page of operators; absent: none can be.
    backup_folder: str | None = None
    #: How many of the site's archives remain there.
    backup_keep: int = 7
    #: The least severe lines of the log; with ``warning``, no requests are logged.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: The format of every line of the log; absent: text on a terminal, else JSON.
    log_format: Literal["json", "text"] | None = None
    #: What the log shows of a visitor's address: its network (/24 or /48), all of it, or nothing.
    log_client: Literal["network", "address", "none"] = "network"
    #: Seconds until its response begins after which a request is logged as slow; 0 is never.
    log_slow_request_seconds: float = 5.0
    #: Seconds after which a query or a unit of work is logged, with its plan; 0 is never.
    log_slow_query_seconds: float = 1.0
    #: The table of each plugin as written; :meth:`plugin_config` converts it.
    plugin_tables: Mapping[str, Mapping[str, Any]] = {}
    #: Where each value was set.
    origins: Mapping[KeyPath, Entry] = {}

    def __repr__(self) -> str:
        # NOTE(secrets): a configuration ends up in logs and tracebacks; its values must not.
        return f"Config(site_dir={str(self.site_dir)!r})"

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The secret key, and the earlier ones that are still accepted."""
        return (self.secret_key, *self.previous_secret_keys)

    @classmethod
    def load(cls, site_dir: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
        """Read ``changemaker.toml``, ``.env`` and ``environ``; the later ones take precedence.

        ``environ`` is by default the process's; ``site_dir`` is ``CHANGEMAKER_SITE``, else the
        working directory. Raise :class:`ConfigError` with every problem.
        """
        config, problems = cls.read(site_dir, environ)
        if problems:
            raise ConfigError(problems)
        return config

    @classmethod
    def read(
        cls, site_dir: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> tuple[Config, tuple[ConfigProblem, ...]]:
        """Read as :meth:`load` does, and return the problems instead of raising them.

        A key with an invalid value has its default. For commands that must work despite an invalid
        configuration.
        """
        environ = os.environ if environ is None else environ
        folder = Path(site_dir or environ.get("CHANGEMAKER_SITE") or ".").resolve()
        entries, problems = _read_sources(folder, environ)
        if not os.path.isdir(folder):
            message = "does not exist; `changemaker init` creates one."
            if is_closed(folder):
                message = "cannot be opened by this account: run commands as the site's user."
            problems.append(ConfigProblem("site folder", str(folder), message))
        values = _core_values(entries, problems)
        problems += _without_folder(folder, values, entries)
        tables = _plugin_tables(entries, problems)
        config = cls(site_dir=folder, plugin_tables=tables, origins=entries, **values)
        if (problem := _dkim_problem(config)) is not None:
            problems.append(problem)
            config = msgspec.structs.replace(config, dkim_key_file=None)
        return _normalised(config), in_order(problems)

    @classmethod
    def for_tests(cls, site_dir: Path, **overrides: Any) -> Config:
        """Return a configuration without reading files or the environment."""
        values: dict[str, Any] = {"secret_key": "for tests only ".ljust(48, "."), **overrides}
        return _normalised(cls(site_dir=site_dir, **values))

    def plugin_config(self, plugin: str, struct: type[S]) -> S:
        """Return a plugin's table as ``struct``. Raise :class:`ConfigError` with every problem."""
        problems: list[ConfigProblem] = []
        fields = {field.name: field for field in msgspec.structs.fields(struct)}
        entries = self._plugin_entries(plugin)
        for key in entries.keys() - fields.keys():
            problems.append(_unknown((plugin, key), entries[key].where, fields))
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in entries:
                values |= _converted((plugin, name), entries[name], field, problems)
            elif field.required:
                problems.append(_missing((plugin, name), field))
        return _built(struct, values, plugin, entries, problems)

    def disks(self) -> dict[str, Path]:
        """Return folders whose disks may become full: that of the ``site``, and that of the
        ``database`` where SQLite's file is on another disk."""
        found = {"site": self.site_dir}
        if self.database_url.startswith("sqlite:///"):
            folder = Path(self.database_url.removeprefix("sqlite:///")).resolve().parent
            try:
                other = folder.stat().st_dev != self.site_dir.stat().st_dev
            except OSError:
                other = not folder.is_relative_to(self.site_dir)
            if other:
                found["database"] = folder
        return found

    def loads(self, plugin: str) -> bool:
        """Return whether a plugin is allowed, and not denied."""
        allowed = self.plugins_allow is None or plugin in self.plugins_allow
        return allowed and plugin not in self.plugins_deny

    def wrong(self, plugin: str, key: str, message: str) -> ConfigError:
        """Return the error for a plugin to raise at boot, for a value that only it can check.

        ``message`` says what is wrong and what is allowed.
        """
        return ConfigError((self.problem((plugin, key), message),))

    def problem(self, key: KeyPath, message: str) -> ConfigProblem:
        """Return a problem of a key or table, at the place where it or a part of it was set."""
        parts = (e.where for path, e in self.origins.items() if path[: len(key)] == key)
        fallback = f"[{key[0]}]" if len(key) > 1 or key[0] in self.plugin_tables else TOML
        return ConfigProblem(".".join(key), next(parts, fallback), message)

    def check_serving(self) -> None:
        """Raise :class:`ConfigError` for a configuration that no visitor must meet."""
        if problems := self.serving_problems():
            raise ConfigError(problems)

    def serving_problems(self) -> tuple[ConfigProblem, ...]:
        """Return what is wrong with a configuration only where visitors are served."""
        message = development_problem(self.base_url) if self.development else None
        if message is None:
            return ()
        return (self.problem(("development",), message),)

    def _plugin_entries(self, plugin: str) -> dict[str, Entry]:
        table = self.plugin_tables.get(plugin, {})
        return {
            key: self.origins.get((plugin, key)) or Entry(value, f"[{plugin}]", False)
            for key, value in table.items()
        }


#: Fields that are not keys.
_DERIVED = frozenset({"site_dir", "plugin_tables", "origins"})
_FIELDS = {f.name: f for f in msgspec.structs.fields(Config) if f.name not in _DERIVED}
#: The field of each key that is not at the top level.
_PLACES: dict[KeyPath, str] = {
    ("plugins", "allow"): "plugins_allow",
    ("plugins", "deny"): "plugins_deny",
    ("jobs", "concurrency"): "jobs_concurrency",
}


#: Tables of core's own, which no plugin can have.
_TABLES = frozenset(place[0] for place in _PLACES)


def _read_sources(folder: Path, environ: Mapping[str, str]) -> tuple[Entries, list[ConfigProblem]]:
    toml, toml_problems = read_toml(folder / TOML)
    dotenv, dotenv_problems = read_dotenv(folder / DOTENV)
    variables, variable_problems = read_environment(environ)
    entries = {**toml, **dotenv, **variables}
    # NOTE(empty): compose files pass unset variables as empty ones, which mean "the default".
    present = {key: e for key, e in entries.items() if not (e.textual and e.value == "")}
    return present, toml_problems + dotenv_problems + variable_problems


def _core_values(entries: Entries, problems: list[ConfigProblem]) -> dict[str, Any]:
    """Return the valid values of core's keys, and report the others."""
    values: dict[str, Any] = {}
    for key, entry in entries.items():
        name = _PLACES.get(key) or (key[0] if len(key) == 1 else "")
        if name in _FIELDS:
            values |= _converted(key, entry, _FIELDS[name], problems, rename=name)
        elif key[0] in _FIELDS:
            message = f"must be {describe(_FIELDS[key[0]].type)}. It is a table."
            problems.append(ConfigProblem(key[0], entry.where, message))
        elif not _may_be_plugins(key, entry):
            problems.append(_not_a_key(key, entry))
    if "secret_key" not in values:
        # A file that could not be read may contain it.
        unread = any(problem.key in UNREAD for problem in problems)
        if ("secret_key",) not in entries and not unread:
            problems.append(_missing(("secret_key",), _FIELDS["secret_key"]))
        values["secret_key"] = secrets.token_urlsafe(48)
    for name, problem in (("redis_url", redis_url_problem), ("read_urls", read_urls_problem)):
        if values.get(name):
            _check_database(name, problem, entries, values, problems)
    _check_credentials(entries, values, problems)
    both = set(values.get("plugins_allow") or ()).intersection(values.get("plugins_deny", ()))
    if both:
        key = ("plugins", "deny") if ("plugins", "deny") in entries else ("plugins_deny",)
        message = f"names {', '.join(sorted(both))}, which plugins.allow names too. Choose one."
        problems.append(ConfigProblem("plugins.deny", entries[key].where, message))
    return values


def _without_folder(
    folder: Path, values: Mapping[str, Any], entries: Entries
) -> Iterator[ConfigProblem]:
    """Yield the problem of a SQLite database in a folder that does not exist."""
    url = values.get("database_url")
    # `init` reads the configuration of a site before it creates its folder.
    if url is None or not os.path.isdir(folder):
        return
    if (reason := missing_folder(url, folder)) is not None:
        yield ConfigProblem("database_url", entries["database_url",].where, reason)


def _check_credentials(
    entries: Entries, values: dict[str, Any], problems: list[ConfigProblem]
) -> None:
    """Report an origin that may send cookies, and not read the responses to them."""
    others = set(values.get("cors_credentials", ())) - set(values.get("cors_origins", ()))
    if others and ("cors_origins" in values or ("cors_origins",) not in entries):
        message = f"must be among cors_origins, which lacks {', '.join(sorted(others))}."
        where = entries["cors_credentials",].where
        problems.append(ConfigProblem("cors_credentials", where, message))


def _check_database(
    name: str,
    problem: Callable[[str], str | None],
    entries: Entries,
    values: dict[str, Any],
    problems: list[ConfigProblem],
) -> None:
    """Remove and report the key ``name`` if the database or the packages do not allow it."""
    database = values.get("database_url")
    if database is None and ("database_url",) in entries:
        return  # invalid, and already reported
    message = problem(database or _FIELDS["database_url"].default)
    if message is not None:
        problems.append(ConfigProblem(name, entries[name,].where, message))
        del values[name]


def _dkim_problem(config: Config) -> ConfigProblem | None:
    """Return why mail cannot be signed as configured, or None."""
    if config.dkim_key_file is None:
        return None
    file = config.site_dir / config.dkim_key_file
    message = dkim_key_problem(config.dkim_selector, file)
    entry = config.origins.get(("dkim_key_file",))
    where = entry.where if entry else TOML
    return ConfigProblem("dkim_key_file", where, message) if message else None


def _may_be_plugins(key: KeyPath, entry: Entry) -> bool:
    """Whether this may be a plugin's table, which the plugin's own Struct will check."""
    reserved = key[0] in _TABLES or key[0] in _FIELDS or not PLUGIN_NAME.fullmatch(key[0])
    return not reserved and (len(key) == 2 or entry.value == {})


def _not_a_key(key: KeyPath, entry: Entry) -> ConfigProblem:
    """Return the problem of an unknown key of core, with what may be meant."""
    if key[0] in _TABLES and len(key) == 2:
        return _unknown(key, entry.where, [p[-1] for p in _PLACES if p[0] == key[0]])
    name = key[0]
    if name in _TABLES:
        keys = " and ".join(place[-1] for place in _PLACES if place[0] == name)
        message = f"is a table: write [{name}] on a line of its own, with {keys} below it."
    elif isinstance(entry.value, list) and any(isinstance(each, dict) for each in entry.value):
        message = f"is not a list of tables: write [{name}] with single brackets."
    elif homes := [place[0] for place in _PLACES if place[-1] == name]:
        message = f"is not a key here: it belongs below the line [{homes[0]}]."
    elif entry.textual and "_" in name and not did_you_mean(name, _FIELDS):
        message = "is not a known key. One of a plugin has two underscores after the plugin's name."
    else:
        return _unknown(key, entry.where, _FIELDS)
    return ConfigProblem(name, entry.where, message)


def _plugin_tables(entries: Entries, problems: list[ConfigProblem]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for key, entry in entries.items():
        if key in _PLACES or not _may_be_plugins(key, entry):
            continue
        table = tables.setdefault(key[0], {})
        if len(key) == 2:
            table[key[1]] = entry.value
    return tables


def _converted(
    key: KeyPath,
    entry: Entry,
    field: msgspec.structs.FieldInfo,
    problems: list[ConfigProblem],
    rename: str | None = None,
) -> dict[str, Any]:
    """Return ``{field name: value}``, or an empty dict and report the problem."""
    name = rename or field.name
    try:
        value = convert(entry.value, field.type, textual=entry.textual)
    except msgspec.ValidationError as error:
        allowed = describe(field.type, textual=entry.textual)
        message = f"must be {allowed}.{explain(error)}{meant(entry.value, field.type)}"
        problems.append(ConfigProblem(".".join(key), entry.where, message))
        return {}
    rule = RULES.get(name) if rename else None
    if problem := rule(value) if rule and value is not None else None:
        if isinstance(value, str) and value.strip() != value:
            problem += " It begins or ends with a space: remove it."
        problems.append(ConfigProblem(".".join(key), entry.where, problem))
        return {}
    return {name: value}


def _unknown(key: KeyPath, where: str, known: Iterable[str]) -> ConfigProblem:
    hint = did_you_mean(key[-1], known)
    if not hint and len(key) == 2 and key[1] in _FIELDS:
        # TOML: what stands below the header of a table is a part of it.
        hint = f" {key[1]} is a key of the site: move it above the first line with [ ]."
    return ConfigProblem(".".join(key), where, f"is not a known key.{hint}")


def _missing(key: KeyPath, field: msgspec.structs.FieldInfo) -> ConfigProblem:
    kind = describe(field.type)
    message = f"is missing. Set it to {kind}, here or by the variable {variable_of(key)}."
    if key == ("secret_key",):
        message += f" {NEW_KEY_HINT}"
    return ConfigProblem(".".join(key), TOML, message, is_missing=True)


def _built(
    struct: type[S],
    values: Mapping[str, Any],
    plugin: str,
    entries: Mapping[str, Entry],
    problems: list[ConfigProblem],
) -> S:
    required = {field.name for field in msgspec.structs.fields(struct) if field.required}
    if required <= values.keys():
        try:
            built = struct(**values)
        except ValueError as error:  # raised by __post_init__
            problems.append(_contradiction(str(error), plugin, values, entries))
        else:
            if not problems:
                return built
    raise ConfigError(in_order(problems))


def _contradiction(
    error: str, plugin: str, values: Mapping[str, Any], entries: Mapping[str, Entry]
) -> ConfigProblem:
    """Return the problem of a table whose ``__post_init__`` raised ``error``.

    Its first word is the key, if it is about one.
    """
    key, _, message = error.partition(" ")
    if key in values:
        return ConfigProblem(f"{plugin}.{key}", entries[key].where, message)
    where = next((entries[name].where for name in values), TOML)
    return ConfigProblem(plugin, where, f"is invalid: {error}")


def _normalised(config: Config) -> Config:
    return msgspec.structs.replace(
        config,
        database_url=absolute_sqlite(config.database_url, config.site_dir),
        base_url=config.base_url.rstrip("/"),
        static_url=config.static_url and config.static_url.rstrip("/"),
    )
