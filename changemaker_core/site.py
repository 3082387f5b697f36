"""The site: what a plugin is handed at boot, and what holds the rooms of the house together."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import peewee

from changemaker_core.audit import AuditLog
from changemaker_core.config import Config, ConfigError
from changemaker_core.config.site_files import private_folder
from changemaker_core.db import Database, PoolSettings, utcnow
from changemaker_core.db.core_models import core_models
from changemaker_core.db.migrations import MigrationFolder
from changemaker_core.db.model import MODELS
from changemaker_core.db.tracking import LiveChanges
from changemaker_core.hookspecs import KINDS, CoreHooks
from changemaker_core.http.authentication import Authentication
from changemaker_core.http.declarations import AUTHENTICATORS
from changemaker_core.http.response import security_policy
from changemaker_core.http.routing import route_table
from changemaker_core.jobs import JOBS, SUBSCRIPTIONS, Outbox, core_jobs, subscription_job
from changemaker_core.mail.dkim import DkimSigner
from changemaker_core.mismatches import mismatches
from changemaker_core.plugin import manager
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.plugin.loaded import PluginInfo
from changemaker_core.plugin.manager import Core
from changemaker_core.sealing import Sealer
from changemaker_core.settings import SETTINGS
from changemaker_core.settings.own import MailSettings, Organisation, Regional
from changemaker_core.settings.reading import PURPOSE, Settings
from changemaker_core.settings.stored import TABLE
from changemaker_core.signing import Signer
from changemaker_core.web.addresses import absolute_url
from changemaker_core.web.declarations import HOME_PAGES, NAVIGATION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from changemaker_core.cache import ResponseCache
    from changemaker_core.db import Model
    from changemaker_core.http.routing import RouteInfo
    from changemaker_core.http.streams.events import OpenStreams
    from changemaker_core.jobs.declarations import Job, Subscription
    from changemaker_core.mail import Transport
    from changemaker_core.metrics import Metrics
    from changemaker_core.plugin.base import Plugin
    from changemaker_core.plugin.collected import LoadedPlugins
    from changemaker_core.plugin.contributions import Contribution
    from changemaker_core.settings.transport import ChosenTransport
    from changemaker_core.shared.optional_redis import OptionalRedis
    from changemaker_core.shared.second_level import RedisSecondLevel
    from changemaker_core.web import StaticFiles, Templates, Translations
    from changemaker_core.web.assets.service_workers import ServiceWorkers
    from changemaker_core.web.declarations import NavigationEntry
    from changemaker_core.web.images.store import Images

PluginConfig = TypeVar("PluginConfig", bound="msgspec.Struct")


class Site:
    """One organisation's site: its configuration, database, plugins and all that they share.

    Building a site imports its plugins and checks its configuration; connections, threads and
    files wait until they are used, so every process builds its own after it was started.

    ``plugins``: ``None`` loads those that are installed; a list of classes loads exactly those.
    Core's own features come with either. ``clock`` returns the time as an aware UTC datetime.
    """

    def __init__(
        self,
        config: Config,
        plugins: Sequence[type[Plugin]] | None = None,
        *,
        safe_mode: bool = False,
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        self.config = config
        self.clock = clock
        # Read now, while a mistake is still one of the configuration and not of a letter.
        self._mail_signer = DkimSigner.of(config)
        #: Set when the process begins to stop: what goes on and on ends then.
        self.closing = asyncio.Event()
        self.jobs = Outbox(self)
        self._own_mail: Transport | None = None
        self.db: Database = Database.open(
            config.database_url,
            read_urls=config.read_urls,
            pools=PoolSettings(
                threads=config.postgresql_threads,
                read_connections=config.postgresql_read_connections,
                idle_seconds=config.postgresql_idle_seconds,
                read_seconds=config.postgresql_read_seconds,
                prepare=config.postgresql_prepare,
            ),
            clock=clock,
            effects=self.jobs,
            audit_log=AuditLog(),
            secret=config.secret_key,
            row_tags=config.row_tags,
            slow_seconds=config.log_slow_query_seconds,
        )
        self.db.refuses_blocking = config.development
        #: What organisers set: ``site.settings(PetitionsSettings)``, by the Struct of a group.
        self.settings = Settings(config, self.db, self.sealer(PURPOSE))
        self.loaded: LoadedPlugins = manager.load(
            plugins, config, self, core=core(), safe_mode=safe_mode
        )
        problems = self.settings.offer(self.loaded.contributions(SETTINGS), self.loaded)
        if problems:
            raise ConfigError(problems)
        self._jobs = {job.name: job for job in self._all_jobs()}

    @classmethod
    def load(
        cls,
        site_dir: Path | None = None,
        plugins: Sequence[type[Plugin]] | None = None,
        *,
        safe_mode: bool = False,
        serving: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Site:
        """Build the site of a folder from its configuration: see :meth:`Config.load`.

        Raise :class:`BootFailed` with every problem of core's keys and of the plugins' tables, in
        the order of the files; ``serving`` includes what keeps a site from visitors alone.
        """
        config, problems = Config.read(site_dir, environ)
        if serving:
            problems += config.serving_problems()
        if not problems:
            return cls(config, plugins, safe_mode=safe_mode)
        # Core alone cannot fail. Hooks report what only they can check, such as a missing file.
        alone = cls(msgspec.structs.replace(config, plugin_tables={}), plugins=[])
        try:
            found = manager.survey(plugins, config, alone, core=core(), safe_mode=safe_mode)
        finally:
            alone.close()
        # What else is wrong with plugins may follow from a key that has its default now.
        raise BootFailed([p for p in found.problems if p.in_configuration is not None], problems)

    def config_of(self, of: type[PluginConfig]) -> PluginConfig:
        """Return a plugin's configuration, by the Struct that it declared as ``config``."""
        return self.loaded.config_of(of)

    @property
    def organisation(self) -> str:
        """The name of the organisation whose site this is, as organisers have set it."""
        return self.settings(Organisation).name

    @property
    def default_locale(self) -> str:
        """The language for visitors whose own is unknown, and for mail to nobody in particular."""
        return self.settings(Regional).default_locale

    @property
    def time_zone(self) -> str:
        """The name of the time zone in which times are shown and entered."""
        return self.settings(Regional).time_zone

    def routes(self) -> list[RouteInfo]:
        """Return every method of every route that is contributed, in load order of the plugins.

        A process that mounts only some plugins (``serve --only``) returns the others' routes too.
        """
        return route_table(self.loaded)

    def plugins(self) -> list[PluginInfo]:
        """Return the loaded plugins, core's own features first, in load order."""
        return [
            PluginInfo(each.name, each.version, each.distribution, each.core)
            for each in self.loaded.plugins
        ]

    def url(self, path: str) -> str:
        """Return the absolute address of a path of this site: for mails, feeds and previews.

        >>> site.url("/petitions/parks")
        'https://act.example.org/petitions/parks'

        Raises ``ValueError`` for what is no path.
        """
        return absolute_url(self.config.base_url, path)

    def signer(self, purpose: str) -> Signer:
        """Return what writes and reads signed values for one ``purpose``: ``petitions.confirm``.

        Begin it with the plugin's name and a dot.
        """
        return Signer(self.config.secret_keys, purpose, self.clock)

    def sealer(self, purpose: str) -> Sealer:
        """Return what encrypts texts for the database, for one ``purpose``: ``petitions``.

        Begin it with the plugin's name.
        """
        return Sealer(self.config.secret_keys, purpose)

    def folder(self, plugin: str) -> Path:
        """Return the plugin's own data folder, created if it is missing."""
        return private_folder(self.config.site_dir / "data" / plugin)

    @property
    def run_folder(self) -> Path:
        """Where this machine's processes keep their state. Not part of any backup."""
        return self.config.site_dir / "run"

    def call_hook(self, hook: str, **arguments: Any) -> list[Contribution[Any]]:
        """Return what every plugin contributes to a feature's own hook, in dependency order."""
        return self.loaded.call_hook(hook, **arguments)

    def job(self, name: str) -> Job | None:
        """Return the job of this name; ``None`` when no loaded plugin has it."""
        return self._jobs.get(name)

    def job_names(self) -> list[str]:
        """Return the names of all jobs of core and the loaded plugins."""
        return list(self._jobs)

    def subscriptions(self, event: str) -> list[Subscription]:
        """Return the subscriptions to ``event``."""
        contributed = self.loaded.contributions(SUBSCRIPTIONS)
        return [c.item for c in contributed if c.item.event == event]

    def migration_folders(self) -> list[MigrationFolder]:
        """Return the folders of migrations, in the order in which they are applied."""
        return [
            MigrationFolder(owner, package / "migrations")
            for owner, package in self.loaded.package_folders().items()
            if (package / "migrations").is_dir()
        ]

    def models(self) -> dict[str, list[type[peewee.Model]]]:
        """Return the models of core and of each plugin with migrations or models, by its name."""
        found = {folder.plugin: list[type[peewee.Model]]() for folder in self.migration_folders()}
        found["core"] = core_models()
        for contribution in self.loaded.contributions(MODELS):
            found.setdefault(contribution.plugin.name, []).append(contribution.item)
        return found

    def changed(self, *tables: type[Model] | str, interval: float = 1.0) -> AsyncIterator[None]:
        """Return an iterator that goes on after each write to ``tables``, by whatever process.

        ``async for _ in site.changed(SignUp, interval=1)`` begins with one turn at once, has at
        most one in ``interval`` seconds, and ends when the site stops. Writes of other processes
        are noticed within a second. Raises ValueError for a name that no table has.
        """
        names = (each if isinstance(each, str) else each._meta.table_name for each in tables)
        return self.live.follow(frozenset(names), interval)

    @cached_property
    def event_streams(self) -> OpenStreams:
        """The event streams that this process keeps open."""
        from changemaker_core.http.streams.events import OpenStreams

        config = self.config
        return OpenStreams(config.event_streams, config.event_streams_per_visitor, self.metrics)

    @cached_property
    def live(self) -> LiveChanges:
        """Who follows which tables in this process."""
        return LiveChanges(self.db.changes, self.closing)

    def close(self) -> None:
        """End the site's threads and connections, and save its metrics."""
        if self._own_mail is not None:
            self._own_mail.close()
        for opened in ("metrics", "mail_choice", "redis", "images"):
            if vars(self).get(opened) is not None:
                getattr(self, opened).close()
        self.db.close()

    def _all_jobs(self) -> Iterator[Job]:
        yield from core_jobs()
        yield from (c.item for c in self.loaded.contributions(JOBS))
        for contribution in self.loaded.contributions(SUBSCRIPTIONS):
            yield subscription_job(contribution.item)

    @cached_property
    def authentication(self) -> Authentication:
        """How a request's actor is found."""
        return Authentication(c.item for c in self.loaded.contributions(AUTHENTICATORS))

    @cached_property
    def page_policy(self) -> bytes:
        """The content security policy of pages, with the operator's origins."""
        config = self.config
        policy = security_policy(config.content_origins, static_url=config.static_url)
        return policy.encode()

    @property
    def home_page(self) -> str | None:
        """The path that ``/`` leads to: the operator's choice, else the first plugin's."""
        offered = (c.item.path for c in self.loaded.contributions(HOME_PAGES))
        return self.config.home_page or next(offered, None)

    @cached_property
    def navigation(self) -> list[NavigationEntry]:
        """The entries of the public and of the organisers' menu, in their order."""
        entries = [c.item for c in self.loaded.contributions(NAVIGATION)]
        return sorted(entries, key=lambda entry: entry.order)

    @property
    def mail(self) -> Transport:
        """How mail leaves the site at present: SMTP, or a folder where no server is set.

        Take it anew for each letter, since the server may be changed. A test may set another one.
        """
        return self._own_mail or self.mail_choice.current()

    @mail.setter
    def mail(self, transport: Transport) -> None:
        self._own_mail = transport

    @cached_property
    def mail_choice(self) -> ChosenTransport:
        """The transport of the present settings."""
        from changemaker_core.settings.transport import ChosenTransport

        return ChosenTransport(
            self.settings,
            lambda: self.folder("mail"),
            development=self.config.development,
            signer=self._mail_signer,
        )

    @property
    def mail_settings(self) -> MailSettings:
        """The mail server and the sender, as they are set at present."""
        return self.settings(MailSettings)

    @cached_property
    def cache(self) -> ResponseCache:
        """The cache of whole responses."""
        from changemaker_core.cache import ResponseCache

        second = self._second_level()
        max_bytes = self.config.cache_bytes
        # Every page shows what organisers set, such as the organisation's name.
        return ResponseCache(
            self.db.changes, max_bytes=max_bytes, second=second, always=frozenset({TABLE})
        )

    def _second_level(self) -> RedisSecondLevel | None:
        if self.redis is None:
            return None
        from changemaker_core.shared.second_level import RedisSecondLevel

        config = self.config
        plugins = [(p.name, p.distribution, p.version) for p in self.loaded.plugins]
        shown = (config.organisation, config.base_url, config.home_page, config.default_locale)
        settings = (config.region, config.time_zone, config.development, config.plugin_tables)
        # Machines that are being brought up to date one by one must not show each other's pages.
        maker = repr((plugins, shown, settings))
        return RedisSecondLevel(
            self.redis, self.db.engine.latest_tokens, secret=config.secret_key, maker=maker
        )

    @cached_property
    def redis(self) -> OptionalRedis | None:
        """Redis, for what the site can do without; None where none is configured."""
        if self.config.redis_url is None or self.db.dialect != "postgresql":
            return None
        from changemaker_core.shared.optional_redis import OptionalRedis

        return OptionalRedis(self.config.redis_url)

    @cached_property
    def metrics(self) -> Metrics:
        """Counters and gauges of this process, and those read from the database."""
        from changemaker_core.metrics import Metrics

        return Metrics(self)

    @cached_property
    def translations(self) -> Translations:
        """Messages in the site's languages."""
        from changemaker_core.web import Translations

        return Translations(self)

    @cached_property
    def static(self) -> StaticFiles:
        """Style sheets, scripts and images of core and plugins."""
        from changemaker_core.web import StaticFiles

        return StaticFiles(self)

    @cached_property
    def service_workers(self) -> ServiceWorkers:
        """Scripts of plugins that keep pages working without a network."""
        from changemaker_core.web.assets.service_workers import SERVICE_WORKERS, ServiceWorkers

        workers = (c.item for c in self.loaded.contributions(SERVICE_WORKERS))
        return ServiceWorkers(workers, self.static)

    @cached_property
    def images(self) -> Images:
        """Small images of plugins: a logo, a poster, a cover."""
        from changemaker_core.web.images.store import Images

        return Images(self.config.site_dir / "data" / "images")

    @cached_property
    def templates(self) -> Templates:
        """Pages and mails of core and plugins."""
        from changemaker_core.web import Templates

        return Templates(self)


def core() -> Core:
    """Return what core brings to the loading of plugins: hooks, kinds and its own features."""
    from changemaker_core.features.accounts.plugin import AccountsPlugin
    from changemaker_core.features.audit.plugin import AuditPlugin
    from changemaker_core.features.mailtemplates.plugin import MailTemplatesPlugin
    from changemaker_core.features.operations.plugin import OperationsPlugin
    from changemaker_core.features.privacy.plugin import PrivacyPlugin
    from changemaker_core.features.settings.plugin import SettingsPlugin
    from changemaker_core.features.webhooks.plugin import WebhooksPlugin

    features = (
        AccountsPlugin,
        AuditPlugin,
        MailTemplatesPlugin,
        OperationsPlugin,
        SettingsPlugin,
        PrivacyPlugin,
        WebhooksPlugin,
    )
    return Core(CoreHooks, KINDS, features, mismatches)
