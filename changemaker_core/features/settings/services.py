"""Changes of settings: validated, versioned, and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_core import SettingRejected, Text, did_you_mean
from changemaker_core.features.settings import queries
from changemaker_core.jobs.held_queues.trials import try_now
from changemaker_core.settings import SEALED_VALUES
from changemaker_core.settings.fields import Wrong
from changemaker_core.settings.stored import (
    CoreSettings,
    CoreSettingsVersion,
    StoredGroup,
    author_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from changemaker_core import Site, Tx
    from changemaker_core.settings.reading import Group, Settings

#: Versions of a group that are kept.
MOST_VERSIONS: Final = 200
#: Problems of one change that are reported: a body may have any number of names.
MOST_PROBLEMS: Final = 50
#: Until the end of the numbers of versions.
LATEST: Final = 2**31 - 1


class SettingsInvalid(ValueError):
    """Values that a group cannot have; ``problems`` are all of them, by field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = problems


class SettingsChanged(Exception):
    """The group has another version than the one that was edited: somebody changed it since."""

    def __init__(self, current: StoredGroup | None) -> None:
        super().__init__("the settings were changed meanwhile")
        self.current = current


class UnknownVersion(LookupError):
    """The group has no such version, or not any more."""


def change(
    tx: Tx,
    settings: Settings,
    group: Group,
    values: Mapping[str, Any],
    *,
    version: int | None = None,
    choices: Mapping[str, Iterable[str]] | None = None,
) -> StoredGroup | None:
    """Set fields of a group to values of JSON, and return what is set then.

    A value of ``None`` takes the field back to its default. ``version`` is the one that was
    edited. ``choices`` are the values that kinds of fields can have on this site, such as its
    languages. Raises ``SettingsChanged``, and ``SettingsInvalid`` with everything that is wrong.
    Where nothing differs, no version is made.
    """
    current = _locked(tx, group, version)
    data = draft(settings, group, {} if current is None else current.data, values, choices or {})
    return _save(tx, group, current, data)


def draft(
    settings: Settings,
    group: Group,
    stored: Mapping[str, Any],
    values: Mapping[str, Any],
    choices: Mapping[str, Iterable[str]],
) -> dict[str, Any]:
    """Return what would be stored of a group with these values.

    Raises ``SettingsInvalid`` with what is wrong, the first ``MOST_PROBLEMS`` of it.
    """
    data, problems = dict(stored), dict[str, str]()
    for name, value in values.items():
        try:
            _set(settings, group, data, name, value, choices)
        except Wrong as error:
            problems[name] = error.message
            if len(problems) == MOST_PROBLEMS:
                break
    problems = problems or _left_behind(group, stored, data, values)
    problems = problems or _combined(settings, group, data)
    if problems:
        raise SettingsInvalid(problems)
    return data


def _left_behind(
    group: Group, stored: Mapping[str, Any], data: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, str]:
    """Return the secrets that must be entered again, since what they go with has changed."""
    problems: dict[str, str] = {}
    for name, field in group.fields.items():
        if name in values or not stored.get(name):
            continue
        changed = [
            each for each in field.setting.entered_with if data.get(each) != stored.get(each)
        ]
        if changed:
            problems[name] = Text(
                "Enter this again, since {names} changed: it is only sent to the place that it was"
                " entered for.",
                names=", ".join(changed),
            )
    return problems


def roll_back(
    tx: Tx, settings: Settings, group: Group, to: int, *, version: int | None = None
) -> StoredGroup | None:
    """Set a group as it was in version ``to``; 0 stands for the defaults.

    Fields that the operator has locked keep what is stored, and so do those that the group has no
    more. Raises ``UnknownVersion``,
    ``SettingsChanged``, and ``SettingsInvalid`` where a value of then cannot be used any more.
    """
    current = _locked(tx, group, version)
    then = queries.version(group.name, to).one()
    if then is None and to != 0:
        raise UnknownVersion(f"{group.name} has no version {to}")
    before = {} if current is None else current.data
    data = {
        name: value
        for name, value in before.items()
        if name in group.locks or name not in group.fields
    }
    data |= {
        name: value
        for name, value in ({} if then is None else then.data).items()
        if name in group.fields and name not in group.locks
    }
    problems = {
        name: problem
        for name, problem in settings.values_of(group, data)[1].items()
        if name in group.fields
    } or _combined(settings, group, data)
    if problems:
        raise SettingsInvalid(problems)
    return _save(tx, group, current, data, restores=to)


def rotate_secrets(tx: Tx, site: Site) -> int:
    """Encrypt what is encrypted in the database with the present secret key, that of plugins too;
    return how many values there are. Raises ``BadSeal`` for one whose key is not configured.
    """
    contributed = site.loaded.contributions(SEALED_VALUES)
    count = sum(contribution.item.reseal(tx, site) for contribution in contributed)
    tx.audit("settings.secrets.rotated", after={"values": count})
    return count


def reseal(tx: Tx, site: Site) -> int:
    """Encrypt the secrets among settings with the present secret key; return how many there are.

    Those of plugins that are not loaded are among them: a secret is known by its shape. Raises
    ``BadSeal``, with the name of the setting, for one whose key is not configured.
    """
    settings = site.settings
    for group in queries.group_names().all():  # in one order, so that two never wait for each other
        tx.lock(_lock_of(group.name))
    sealed: dict[tuple[str, str, str], Any] = {}

    def again(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
        renewed = dict(data)
        for field, stored in data.items():
            if not _is_sealed(stored):
                continue
            # What is the same in two versions stays the same: it was not changed.
            place = name, field, stored["sealed"]
            if place not in sealed:
                sealed[place] = settings.resealed(name, field, stored)
            renewed[field] = sealed[place]
        return renewed

    for row in queries.all_versions().all():
        CoreSettingsVersion.update(data=again(row.name, row.data)).where(
            CoreSettingsVersion.name == row.name, CoreSettingsVersion.version == row.version
        ).execute()
        current = queries.stored_group(row.name).one()
        if current is not None and current.version == row.version:
            renewed = again(row.name, current.data)
            CoreSettings.update(data=renewed).where(CoreSettings.name == row.name).execute()
    return len(sealed)


def differences(
    group: Group, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Return the fields that differ between two versions, with both values.

    A secret is only told to be set or not: ``True`` or ``None``.
    """
    found = []
    for name in (*group.fields, *sorted({*before, *after} - group.fields.keys())):
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        field = group.fields.get(name)
        # Of a field that is gone nobody knows whether it was a secret: the value says it.
        if (field is not None and field.is_secret) or _is_sealed(one) or _is_sealed(other):
            one, other = one and True, other and True
        found.append((name, one, other))
    return found


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"sealed"}


def _locked(tx: Tx, group: Group, version: int | None) -> StoredGroup | None:
    """Return what is set in a group, which nobody else changes until this transaction ends."""
    tx.lock(_lock_of(group.name))
    current = queries.stored_group(group.name).one()
    if version is not None and version != (0 if current is None else current.version):
        raise SettingsChanged(current)
    return current


def _lock_of(group: str) -> str:
    return f"core.settings:{group}"


def _set(
    settings: Settings,
    group: Group,
    data: dict[str, Any],
    name: str,
    value: Any,
    choices: Mapping[str, Iterable[str]],
) -> None:
    """Set one field. Raises ``Wrong``."""
    field = group.fields.get(name)
    if field is None:
        known = did_you_mean(name, group.fields)
        raise Wrong(Text("There is no setting of this name.{known}", known=known))
    if (lock := group.locks.get(name)) is not None:
        raise Wrong(
            Text(
                "The operator has set this ({where}): change it there.",
                where=lock.where,
            )
        )
    if value is None:
        data.pop(name, None)
        return
    read = field.read(value)
    of_site = choices.get(field.kind)
    if of_site is not None and read not in of_site:
        listed = ", ".join(of_site)
        raise Wrong(Text("Choose one of these: {choices}.", choices=listed))
    if field.is_secret and _is_same_secret(settings, group, data, name, read):
        return
    data[name] = settings.sealed(group, field, field.written(read))


def _is_same_secret(
    settings: Settings, group: Group, data: Mapping[str, Any], name: str, read: Any
) -> bool:
    values, _ = settings.values_of(group, {name: data.get(name)} if data.get(name) else {})
    return bool(values.get(name) == read and name in data)


def _combined(settings: Settings, group: Group, data: Mapping[str, Any]) -> dict[str, str]:
    """Return what the group's own Struct says of the values together."""
    values, _ = settings.values_of(group, data)
    try:
        group.declared.struct(**values)
    except SettingRejected as error:
        return {error.field: error.message}
    return {}


def _save(
    tx: Tx,
    group: Group,
    current: StoredGroup | None,
    data: dict[str, Any],
    restores: int | None = None,
) -> StoredGroup | None:
    if data == ({} if current is None else current.data):
        return current
    saved = StoredGroup(
        name=group.name,
        version=1 if current is None else current.version + 1,
        data=data,
        changed_at=tx.now,
        changed_by=(tx.actor.user_id if tx.actor is not None else None) or "",
        changed_by_name=author_of(tx.actor)[:200],
    )
    if current is None:
        CoreSettings.insert(saved).execute()
    else:
        CoreSettings.update(
            version=saved.version,
            data=data,
            changed_at=saved.changed_at,
            changed_by=saved.changed_by,
            changed_by_name=saved.changed_by_name,
        ).where(CoreSettings.name == group.name).execute()
    CoreSettingsVersion.insert(saved, restores=restores).execute()
    CoreSettingsVersion.delete().where(
        CoreSettingsVersion.name == group.name,
        CoreSettingsVersion.version <= saved.version - MOST_VERSIONS,
    ).execute()
    tx.audit(
        "settings.group.changed" if restores is None else "settings.group.restored",
        group.name,
        before={} if current is None else current.data,
        after=data,
        secret=_secrets_among(group, data, {} if current is None else current.data),
    )
    if group.name == "mail":
        try_now(tx)
    return saved


def _secrets_among(group: Group, *sides: Mapping[str, Any]) -> set[str]:
    declared = {name for name, field in group.fields.items() if field.is_secret}
    # Of a field that is gone nobody knows whether it was a secret: the value says it.
    return declared | {name for side in sides for name, v in side.items() if _is_sealed(v)}
