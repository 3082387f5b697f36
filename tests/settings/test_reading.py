"""What is stored and cannot be used: defaults in its place, a finding, and nothing is lost."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from changemaker_core import (
    BadSeal,
    ConfigError,
    Plugin,
    SealedValues,
    Secret,
    Setting,
    SettingRejected,
    SettingsGroup,
    Site,
    Text,
)
from changemaker_core.features.settings import api, services
from changemaker_core.features.settings.checks import check_stored
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.settings.stored import CoreSettings, StoredGroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Tx


class Before(msgspec.Struct, frozen=True, kw_only=True):
    beds: Annotated[str, Setting(Text("Beds"))] = "few"
    motto: Annotated[str, Setting(Text("Motto"))] = ""
    key: Annotated[Secret | None, Setting(Text("Key"))] = None


class After(msgspec.Struct, frozen=True, kw_only=True):
    beds: Annotated[int, Meta(ge=1), Setting(Text("Beds"))] = 12
    watchword: Annotated[str, Setting(Text("Watchword"))] = "Dig"
    key: Annotated[Secret | None, Setting(Text("Key"))] = None


def garden(struct: type[msgspec.Struct], *more: object) -> type[Plugin]:
    class GardenPlugin(Plugin):
        name = "garden"
        contributes = (SettingsGroup("garden", Text("Garden"), struct), *more)

    return GardenPlugin


@pytest.fixture
def upgraded(make_site: Callable[..., Site]) -> Callable[..., Site]:
    """A site in which an earlier version of a plugin stored settings."""
    before = make_site(garden(Before))
    api.change_settings(before, "garden", {"beds": "many", "motto": "Sow", "key": "hush"})

    def open_(*plugins: type[Plugin], **changes: Any) -> Site:
        return Site(msgspec.structs.replace(before.config, **changes), plugins)

    return open_


def findings(site: Site) -> list[str]:
    return [each.detail for each in check_stored(site) if each.status == "warning"]


def test_fields_that_changed_have_their_defaults_and_lose_nothing(
    upgraded: Callable[..., Site],
) -> None:
    site = upgraded(garden(After))
    assert site.settings(After) == After(key=Secret("hush"))
    assert findings(site) == [
        "The default of garden.beds is used: Enter a number of at least 1.",
        "garden.motto is stored, and is not a setting any more.",
    ]
    api.change_settings(site, "garden", {"beds": 3})
    assert site.db.sync.read(_data)["motto"] == "Sow"
    assert len(findings(site)) == 1
    site.db.sync.write(services.roll_back, site.settings, site.settings.group("garden"), 0)
    assert site.db.sync.read(_data) == {"motto": "Sow"}
    site.close()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    beds: Annotated[int, Setting(Text("Beds"))] = 2
    motto: Annotated[str, Setting(Text("Motto"))] = "Dig"
    is_open: Annotated[bool, Setting(Text("Open"), config="is_open")] = False

    def __post_init__(self) -> None:
        if self.motto == "Reap":
            raise SettingRejected("motto", "Sow first.")
        if self.is_open and self.beds < 3:
            raise SettingRejected("beds", "An open garden has three beds or more.")


class RulesConfig(msgspec.Struct, frozen=True):
    is_open: bool = False


class RulesPlugin(Plugin):
    name = "garden"
    config = RulesConfig
    contributes = (SettingsGroup("garden", Text("Garden"), Rules),)


@pytest.mark.parametrize(
    ("stored", "values", "problems"),
    [
        ({"beds": 5, "motto": "Reap"}, Rules(beds=5), {"motto"}),
        ({"is_open": True, "motto": "Reap"}, Rules(), {"motto", "beds", "is_open"}),
        ({"is_open": True, "beds": 2, "motto": "Hoe"}, Rules(), {"beds", "motto", "is_open"}),
    ],
)
@pytest.mark.database("sqlite")
def test_of_values_that_do_not_go_together_as_few_as_possible_are_dropped(
    make_site: Callable[..., Site], stored: dict[str, Any], values: Rules, problems: set[str]
) -> None:
    site = make_site(RulesPlugin)
    row = StoredGroup("garden", 1, stored, datetime.now(UTC), "", "")
    found = site.settings.read_group(site.settings.group("garden"), row)
    assert (found.values, found.problems.keys()) == (values, problems)
    # The groups of a site can be set again, as `doctor` does.
    site.settings.offer((), site.loaded)
    assert site.settings.groups == []


@pytest.mark.database("sqlite")
def test_a_lock_that_contradicts_a_default_is_a_mistake_of_the_configuration(
    make_site: Callable[..., Site],
) -> None:
    with pytest.raises(
        ConfigError, match=r"garden\.is_open does not go with .*garden\.beds: An op"
    ):
        make_site(RulesPlugin, plugin_tables={"garden": {"is_open": True}})


def test_settings_of_a_plugin_that_is_gone_are_kept(upgraded: Callable[..., Site]) -> None:
    old, new = "for tests only ".ljust(48, "."), "n" * 40
    site = upgraded(secret_key=new, previous_secret_keys=(old,))
    assert findings(site) == ["The settings of 'garden' belong to no plugin that is loaded."]
    # Its secrets are, too, and under the present key.
    assert site.db.sync.write(api.rotate_secrets, site) == 1
    back = upgraded(garden(Before), secret_key=new)
    assert back.settings(Before) == Before(beds="many", motto="Sow", key=Secret("hush"))
    for each in (site, back):
        each.close()


def test_a_change_while_secrets_are_encrypted_is_not_lost(upgraded: Callable[..., Site]) -> None:
    site = upgraded(garden(Before))
    changed = threading.Event()

    def change(tx: Tx) -> None:
        group = site.settings.group("garden")
        assert group is not None
        services.change(tx, site.settings, group, {"motto": "Reap"})
        changed.set()
        time.sleep(0.3)  # the other has begun by then

    changing = threading.Thread(target=site.db.sync.write, args=(change,))
    changing.start()
    assert changed.wait(10)
    site.db.sync.write(api.rotate_secrets, site)
    changing.join()
    assert site.db.sync.read(_data)["motto"] == "Reap"
    site.close()


def test_a_secret_of_another_key_is_named_and_the_rest_works(
    upgraded: Callable[..., Site],
) -> None:
    site = upgraded(garden(Before), secret_key="n" * 40)
    assert site.settings(Before) == Before(beds="many", motto="Sow")
    (finding,) = findings(site)
    assert finding.startswith("garden.key cannot be decrypted: it was encrypted with another")
    with pytest.raises(BadSeal, match=r"garden\.key cannot be decrypted"):
        site.db.sync.write(api.rotate_secrets, site)
    site.close()


def test_secrets_are_encrypted_with_a_new_key(upgraded: Callable[..., Site]) -> None:
    old, new = "for tests only ".ljust(48, "."), "n" * 40
    of_plugin = SealedValues("garden.tokens", lambda _tx, _site: 2)
    both = upgraded(garden(Before, of_plugin), secret_key=new, previous_secret_keys=(old,))
    stored = both.db.sync.read(_data)["key"]
    assert both.db.sync.write(api.rotate_secrets, both) == 3
    assert both.db.sync.read(_data)["key"] != stored
    alone = upgraded(garden(Before), secret_key=new)
    assert alone.settings(Before).key == Secret("hush")
    assert findings(alone) == []
    for site in (both, alone):
        site.close()


def _data() -> dict[str, Any]:
    return dict(CoreSettings.get_by_id("garden").data)


class Unlabelled(msgspec.Struct, frozen=True):
    beds: int = 3


class Required(msgspec.Struct, frozen=True):
    beds: Annotated[int, Setting(Text("Beds"))]


class Open(msgspec.Struct):
    beds: Annotated[int, Setting(Text("Beds"))] = 3


class Public(msgspec.Struct, frozen=True):
    key: Annotated[Secret | None, Setting(Text("Key"), public=True)] = None


class Nested(msgspec.Struct, frozen=True):
    beds: Annotated[list[Before], Setting(Text("Beds"))] = msgspec.field(default_factory=list)


class Keyed(msgspec.Struct, frozen=True):
    beds: Annotated[int, Setting(Text("Beds"), config="bedz")] = 3


@pytest.mark.parametrize(
    ("struct", "problem"),
    [
        (Unlabelled, "beds has no label"),
        (Required, "beds has no default"),
        (Open, "are not frozen"),
        (Public, "key is a Secret, and cannot be public"),
        (Nested, "a type that no setting can have"),
        (Keyed, "'bedz'"),
    ],
)
@pytest.mark.database("sqlite")
def test_a_mistake_in_a_group_is_found_at_boot(
    make_site: Callable[..., Site], struct: type[msgspec.Struct], problem: str
) -> None:
    with pytest.raises(BootFailed, match=problem):
        make_site(garden(struct))
