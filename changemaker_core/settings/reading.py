"""The settings of a site as a process works with them: in memory, and at most a second old."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote

import msgspec
import peewee

from changemaker_core.config import ConfigProblem
from changemaker_core.db import DatabaseUnavailable
from changemaker_core.db.context import current_unit
from changemaker_core.db.tracking.tags import tables_of
from changemaker_core.sealing import BadSeal
from changemaker_core.settings.declarations import OWN, SettingRejected
from changemaker_core.settings.fields import Field, Wrong, fields_of
from changemaker_core.settings.stored import TABLE, StoredGroup, stored_groups
from changemaker_core.text import Text
from changemaker_core.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from changemaker_core.config import Config
    from changemaker_core.db import Database
    from changemaker_core.plugin.collected import LoadedPlugins
    from changemaker_core.plugin.contributions import Contribution
    from changemaker_core.sealing import Sealer
    from changemaker_core.settings.declarations import SettingsGroup

S = TypeVar("S", bound=msgspec.Struct)

log = logging.getLogger(__name__)

#: Seconds for which a thread takes what it has read without looking again.
FRESH_SECONDS: Final = 0.5
#: Seconds that a request waits for settings that have changed, before it uses those it has.
PATIENCE: Final = 1.0
#: Seconds until a read that failed is tried again.
RETRY_SECONDS: Final = 1.0
#: The purpose of the sealer of secrets.
PURPOSE: Final = "settings"


def place_of(group: str, field: str) -> str:
    """Return the place to which the secret of a field is sealed."""
    return f"{group}.{field}"


@dataclass(frozen=True, slots=True)
class Lock:
    """A field that the operator has set by ``key``, with ``where``: ``changemaker.toml:3``."""

    value: Any
    where: str
    key: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the site: what was declared, and the fields that the operator has locked."""

    declared: SettingsGroup
    fields: Mapping[str, Field]
    locks: Mapping[str, Lock]

    @property
    def name(self) -> str:
        return self.declared.name

    def place(self, field: str) -> str:
        """Return the place to which a secret is sealed."""
        return place_of(self.name, field)

    @property
    def locked(self) -> dict[str, Any]:
        """The values of the locked fields."""
        return {name: lock.value for name, lock in self.locks.items()}

    def contradiction(self) -> ConfigProblem | None:
        """Return why the locked fields do not go with the defaults of the others, if so."""
        try:
            self.declared.struct(**self.locked)
        except SettingRejected as error:
            lock = self.locks.get(error.field) or next(iter(self.locks.values()))
            text = f"does not go with the setting {self.name}.{error.field}: {error.message}"
            return ConfigProblem(lock.key, lock.where, text)
        return None


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of a group as they are read from what is stored. ``problems`` are the fields that
    have their default because what is stored cannot be used, with the reason."""

    values: msgspec.Struct
    stored: StoredGroup | None
    problems: Mapping[str, str]

    @property
    def version(self) -> int:
        """The version of the group; 0 where nothing was ever set."""
        return 0 if self.stored is None else self.stored.version


class Settings:
    """The settings of one site: ``site.settings(PetitionsSettings).open_days``.

    Reading is as cheap as a dictionary. Requests and jobs begin with what is set at the time: the
    edge compares ``written`` with ``read`` and calls :meth:`refresh`; threads without an event
    loop, such as a job's or a command's, look again after half a second.
    """

    def __init__(self, config: Config, db: Database, sealer: Sealer) -> None:
        self._config = config
        self._db = db
        self._sealer = sealer
        self._groups: dict[str, Group] = {}
        self._readings: dict[str, Reading] = {}
        self._values: dict[type[msgspec.Struct], msgspec.Struct] = {}
        self._rows: list[StoredGroup] | None = None
        self._followers: list[Callable[[], None]] = []
        self._looked = self._retry_at = float("-inf")
        self._trouble = Trouble(log, "the settings cannot be read, and are used as they were")
        self._is_failing = False
        self._taking = threading.RLock()
        #: How many changes were seen, and the last of them that the values contain.
        self.written = 1
        self.read = 0
        db.changes.subscribe(self._on_change)

    def __call__(self, of: type[S]) -> S:
        """Return the values of a group, by its Struct.

        Raises ``LookupError`` for a Struct that no group has, and ``RuntimeError`` while the
        plugins are loaded: settings are read where they are used, so that a change counts.
        """
        if not _on_event_loop():
            self.look()
        return self.current(of)

    def current(self, of: type[S]) -> S:
        """Return the values of a group as they are in memory; raises as a call does."""
        try:
            return self._values[of]  # type: ignore[return-value]  # the mapping is keyed by the type
        except KeyError:
            if not self._values:
                text = f"{of.__name__} is read while the site is built: read it where it is used"
                raise RuntimeError(text) from None
            raise LookupError(
                f"{of.__name__} is not the Struct of a group of settings: put"
                f" SettingsGroup(…, {of.__name__}) into `contributes`"
            ) from None

    def offer(
        self, contributions: Iterable[Contribution[SettingsGroup]], loaded: LoadedPlugins
    ) -> tuple[ConfigProblem, ...]:
        """Set the groups of the site, once its plugins are loaded.

        Returns what is wrong with the fields that the operator has locked. A group with such a
        problem is as if nothing was locked in it.
        """
        found = [
            Group(c.item, fields, dict(self._locks(fields, c, loaded)))
            for c in contributions
            if (fields := fields_of(c.item.struct))
        ]
        found.sort(key=lambda group: group.declared.order)
        problems = {group.name: problem for group in found if (problem := group.contradiction())}
        with self._taking:
            self._groups = {
                group.name: replace(group, locks={}) if group.name in problems else group
                for group in found
            }
            self._use(self._rows or [])
        return tuple(problems.values())

    @property
    def is_known(self) -> bool:
        """Whether what is stored was read, or there is no database yet that could store anything.

        Until then every value is the operator's or a default, whatever organisers have set.
        """
        return bool(self.read) or _is_missing(self._config.database_url)

    @property
    def groups(self) -> list[Group]:
        """The groups of the site, in their order."""
        return list(self._groups.values())

    def group(self, name: str) -> Group | None:
        """Return the group of this name, if there is one."""
        return self._groups.get(name)

    def reading(self, name: str) -> Reading:
        """Return what is in use of a group, as it was read."""
        if not _on_event_loop():
            self.look()
        return self._readings[name]

    def follow(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` now, and each time the values have changed, on any thread."""
        self._followers.append(callback)
        callback()

    async def refresh(self) -> None:
        """Read what was changed. Where the database does not respond, the values stay."""
        if time.monotonic() < self._retry_at:
            return
        written = self.written
        try:
            async with asyncio.timeout(PATIENCE):
                rows = await self._db.all(stored_groups())
        except (peewee.PeeweeException, DatabaseUnavailable, TimeoutError) as error:
            self._failed(error)
        else:
            self._take(rows, written)

    def look(self) -> None:
        """Read what was changed, for a thread without an event loop; at most twice a second unless
        this process has seen a change."""
        now = time.monotonic()
        if now < self._retry_at or (
            self.read == self.written and now - self._looked < FRESH_SECONDS
        ):
            return
        if not self.read and _is_missing(self._config.database_url):
            return  # to look would make it
        inside = current_unit.get() is not None
        if inside and self.read:
            return  # a unit of work has one snapshot, and locks that others wait for
        self._looked, written = now, self.written
        try:
            rows = stored_groups().all() if inside else self._db.sync.all(stored_groups())
        except (peewee.PeeweeException, DatabaseUnavailable) as error:
            self._failed(error)
        else:
            self._take(rows, written)

    def read_group(self, group: Group, stored: StoredGroup | None) -> Reading:
        """Return the values of a group from what is stored: its own, the operator's, defaults.

        Where the values do not go together, the field that the group names has its default; where
        that is of no use, all stored fields have theirs.
        """
        values, problems = self.values_of(group, {} if stored is None else stored.data)
        while True:
            try:
                return Reading(group.declared.struct(**values), stored, problems)
            except SettingRejected as error:
                problems[error.field] = error.message
                if error.field in values and error.field not in group.locks:
                    del values[error.field]
                    continue
                for name in values.keys() - group.locks.keys():
                    problems[name] = Text("It does not go with {field}.", field=error.field)
                return Reading(group.declared.struct(**group.locked), stored, problems)

    def values_of(
        self, group: Group, data: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values that are not the defaults, and why others in ``data`` cannot be used,
        by their fields."""
        values: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for name, field in group.fields.items():
            if (lock := group.locks.get(name)) is not None:
                values[name] = lock.value
            elif name in data:
                try:
                    values[name] = field.read(self._unsealed(group, field, data[name]))
                except Wrong as error:
                    problems[name] = error.message
                except BadSeal as error:
                    problems[name] = str(error)
        for name in data.keys() - group.fields.keys():
            problems[name] = Text("There is no setting of this name.{known}", known="")
        return values, problems

    def _unsealed(self, group: Group, field: Field, value: Any) -> Any:
        """Return a stored value as ``Field.read`` takes it. Raises ``BadSeal``."""
        if not field.is_secret or value is None:
            return value
        if not (isinstance(value, dict) and isinstance(value.get("sealed"), str)):
            raise BadSeal("it is not encrypted")
        return self._sealer.unseal(value["sealed"], place=group.place(field.name))

    def sealed(self, group: Group, field: Field, value: Any) -> Any:
        """Return a value of JSON as it is stored."""
        if not field.is_secret or value is None:
            return value
        return {"sealed": self._sealer.seal(value, place=group.place(field.name))}

    def resealed(self, group: str, field: str, value: Mapping[str, str]) -> dict[str, str]:
        """Return a stored secret under the current key, also of a group that no plugin has any
        more. Raises ``BadSeal``."""
        place = place_of(group, field)
        try:
            return {"sealed": self._sealer.reseal(value["sealed"], place=place)}
        except BadSeal as error:
            raise BadSeal(f"{place} cannot be decrypted: {error}") from error

    def _take(self, rows: list[StoredGroup], written: int) -> None:
        """Use what was read, unless something later was read already."""
        with self._taking:
            if written < self.read:
                return
            recovered, self._is_failing = self._is_failing, False
            self._trouble.passed()
            if rows != self._rows:
                self._use(rows)
                if recovered:
                    # Pages were made meanwhile, with the values of before, and may be in the cache.
                    self._db.changes.notify(frozenset({TABLE}))
            self.read = written

    def _use(self, rows: list[StoredGroup]) -> None:
        stored = {row.name: row for row in rows}
        readings = {
            name: self.read_group(group, stored.get(name)) for name, group in self._groups.items()
        }
        self._rows = rows
        self._readings = readings
        self._values = {
            self._groups[name].declared.struct: reading.values for name, reading in readings.items()
        }
        for follower in self._followers:
            follower()

    def _failed(self, error: Exception) -> None:
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self._is_failing = True
        self._trouble.failed(error, traceback=False)

    def _on_change(self, written: frozenset[str] | None) -> None:
        if written is None or TABLE in tables_of(written):
            self.written += 1

    def _locks(
        self,
        fields: Mapping[str, Field],
        contribution: Contribution[SettingsGroup],
        loaded: LoadedPlugins,
    ) -> Iterable[tuple[str, Lock]]:
        """Yield the fields that the operator has set."""
        own = contribution.plugin.name == OWN
        config = self._config if own else loaded.config_for(contribution.plugin)
        prefix = () if own else (contribution.plugin.name,)
        defaults = {each.name: each.default for each in msgspec.structs.fields(type(config))}
        for name, field in fields.items():
            key = field.setting.config
            if key is None:
                continue
            entry, value = self._config.origins.get((*prefix, key)), getattr(config, key)
            # A value that is not valid is reported, and was replaced by the default.
            if value is None or (entry is None and value == defaults[key]):
                continue
            convert = field.setting.from_config
            where = ".".join((*prefix, key)) if entry is None else entry.where
            yield (
                name,
                Lock(value if convert is None else convert(value), where, ".".join((*prefix, key))),
            )


def _is_missing(database_url: str) -> bool:
    """Return whether the database is a file that does not exist yet."""
    path = database_url.removeprefix("sqlite:///")
    return path != database_url and not Path(unquote(path)).exists()


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
