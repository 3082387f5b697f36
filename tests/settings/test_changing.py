"""Settings over HTTP: read, changed, refused, undone; and seen at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from changemaker_core import Plugin, Secret, Setting, SettingRejected, SettingsGroup, Text
from changemaker_core.features.settings import api, services, views
from changemaker_core.features.settings.queries import versions
from changemaker_core.settings.fields import Wrong, fields_of
from changemaker_core.settings.own import Organisation
from changemaker_core.testing import client_of, signed_in

if TYPE_CHECKING:
    import httpx


class GardenSettings(msgspec.Struct, frozen=True, kw_only=True):
    beds: Annotated[int, Meta(ge=1, le=50), Setting(Text("Beds"), public=True)] = 12
    kind: Annotated[Literal["roses", "beans"], Setting(Text("What grows"), public=True)] = "beans"
    motto: Annotated[str, Meta(max_length=40), Setting(Text("Motto"), config="motto")] = "Dig"
    notes: Annotated[dict[str, str], Setting(Text("Notes"))] = {}
    open: Annotated[bool, Setting(Text("Open"))] = False
    tools: Annotated[tuple[str, ...], Setting(Text("Tools"))] = ()
    key: Annotated[Secret | None, Setting(Text("Key of the weather service"))] = None

    def __post_init__(self) -> None:
        if self.open and self.beds < 3:
            raise SettingRejected("beds", Text("An open garden has three beds or more."))


class GardenConfig(msgspec.Struct, frozen=True):
    motto: str = "Dig"


class GardenPlugin(Plugin):
    name = "garden"
    config = GardenConfig
    contributes = (SettingsGroup("garden", Text("Garden"), GardenSettings),)


GARDEN = "/api/settings/garden"


async def patch(client: httpx.AsyncClient, values: dict[str, Any], **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    return await client.patch(GARDEN, json={"values": values, **more}, headers=headers)


def field(group: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in group["fields"] if each["name"] == name)


async def test_what_is_changed_is_seen_by_the_next_request(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app, signed_in(app, "SUPER_ADMIN") as client:
        before = (await client.get(GARDEN)).json()
        assert (before["version"], field(before, "beds")["value"]) == (0, 12)
        response = await patch(client, {"beds": 20, "notes": {"fr": "Arroser\r\nle soir"}})
        assert response.status_code == 200, response.text
        after = (await client.get(GARDEN)).json()
        assert after == response.json()
        assert (after["version"], field(after, "beds")["value"]) == (1, 20)
        assert field(after, "notes")["value"] == {"fr": "Arroser\nle soir"}
        assert app.site.settings(GardenSettings).beds == 20
        # The same values again are no version; null is the default.
        assert (await patch(client, {"beds": 20})).json()["version"] == 1
        for _ in range(2):
            assert (await patch(client, {"tools": ["hoe"]})).json()["version"] == 2
        assert field((await patch(client, {"beds": None})).json(), "beds")["value"] == 12


async def test_every_wrong_value_is_reported_and_none_is_taken(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app, signed_in(app, "SUPER_ADMIN") as client:
        wrong = {"beds": 99, "kind": "oak", "motto": "x" * 41, "bedz": 1, "open": "perhaps"}
        response = await patch(client, {**wrong, "key": "fine"})
        assert response.status_code == 422
        found = {each["field"]: each["message"] for each in response.json()["errors"]}
        assert found == {
            "values.beds": "Enter a number from 1 to 50.",
            "values.kind": "Choose one of these: roses, beans.",
            "values.motto": "Enter one line of at most 40 characters.",
            "values.bedz": "There is no setting of this name. Did you mean 'beds'?",
            "values.open": "Choose yes or no (true or false).",
        }
        assert app.site.settings(GardenSettings) == GardenSettings()
        many = await patch(client, {f"bed{n}": n for n in range(2_000)})
        assert len(many.json()["errors"]) == services.MOST_PROBLEMS
        together = await patch(client, {"open": True, "beds": 2})
        assert together.json()["errors"] == [
            {
                "in": "body",
                "field": "values.beds",
                "message": "An open garden has three beds or more.",
            }
        ]


async def test_a_conflict_says_who_changed_it(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app, signed_in(app, "SUPER_ADMIN") as client:
        assert (await patch(client, {"beds": 13}, version=0)).status_code == 200
        stale = await patch(client, {"beds": 14}, version=0)
        assert (stale.status_code, stale.json()["code"]) == (409, "settings_changed")
        assert "changed them: the version is 1 now" in stale.json()["detail"]
        etag = (await client.get(GARDEN)).headers["etag"]
        assert (await patch(client, {"beds": 15}, headers={"If-Match": etag})).status_code == 200
        again = await patch(client, {"beds": 16}, headers={"If-Match": etag})
        assert (again.status_code, again.json()["code"]) == (412, "settings_changed")
        assert (await patch(client, {"beds": 1}, headers={"If-Match": "x"})).status_code == 412
        assert app.site.settings(GardenSettings).beds == 15


async def test_of_two_at_once_one_is_told(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app, signed_in(app, "SUPER_ADMIN") as client:
        both = await asyncio.gather(*(patch(client, {"beds": n}, version=0) for n in (5, 6)))
        assert sorted(each.status_code for each in both) == [200, 409]


async def test_a_group_that_was_never_changed_has_an_empty_history(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app, signed_in(app, "SUPER_ADMIN") as client:
        assert (await client.get(f"{GARDEN}/history")).json() == {"data": [], "next": None}


async def test_history_and_rollback(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app, signed_in(app, "SUPER_ADMIN") as client:
        await patch(client, {"beds": 20, "key": "hush"})
        await patch(client, {"beds": 30, "key": "hush hush"})
        found = (await client.get(f"{GARDEN}/history")).json()["data"]
        assert [each["version"] for each in found] == [2, 1]
        assert found[0]["changes"] == [
            {"field": "beds", "label": "Beds", "before": 20, "after": 30},
            {"field": "key", "label": "Key of the weather service", "before": True, "after": True},
        ]
        assert "hush" not in str(found)
        page = (await client.get(f"{GARDEN}/history?limit=1")).json()
        assert (page["data"][0]["version"], page["next"]) == (2, 2)
        rest = (await client.get(f"{GARDEN}/history?limit=1&before=2")).json()
        assert (rest["data"][0]["changes"][0]["before"], rest["next"]) == (None, None)

        back = await client.post(f"{GARDEN}/rollback", json={"to": 1})
        assert (back.json()["version"], field(back.json(), "beds")["value"]) == (3, 20)
        assert app.site.settings(GardenSettings).key == Secret("hush")
        assert (await client.get(f"{GARDEN}/history")).json()["data"][0]["restores"] == 1
        await client.post(f"{GARDEN}/rollback", json={"to": 0})
        assert app.site.settings(GardenSettings) == GardenSettings()
        gone = await client.post(f"{GARDEN}/rollback", json={"to": 77})
        assert gone.status_code == 422


@pytest.mark.database("sqlite")
def test_what_the_oldest_version_changed_is_not_known(
    make_site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST_VERSIONS", 2)
    site = make_site(GardenPlugin)
    for beds in (20, 21, 22):
        api.change_settings(site, "garden", {"beds": beds})
    rows = site.db.sync.all(versions("garden", services.LATEST))
    shown = views.history(site.settings.group("garden"), rows, 50, str)
    assert [(each.version, len(each.changes)) for each in shown] == [(3, 1), (2, 0)]


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("privacy", {"en": " \u200b\n", "fr": "Avis"}, {"fr": "Avis"}),
        ("privacy", {"pt-BR": "Aviso", "zh_Hant": "x"}, {"pt_BR": "Aviso", "zh_Hant": "x"}),
        ("privacy", {f"a{a}{b}": "x" for a in "abcdef" for b in "abcd"}, None),
        ("privacy", {"pt_br": "Aviso"}, None),
        ("logo", "/images/settings/ab/c1.webp", "/images/settings/ab/c1.webp"),
        ("logo", "/images/settings/../../etc/passwd", None),
        ("logo", "/images/settings/./x", None),
        ("logo", "/images/settings//x", None),
        ("logo", "/images/settings/" + "x" * 200, None),
    ],
)
def test_texts_and_pictures(name: str, value: Any, stored: Any) -> None:
    field = fields_of(Organisation)[name]
    if stored is None:
        with pytest.raises(Wrong):
            field.read(value)
    else:
        assert field.read(value) == stored


async def test_a_secret_is_stored_encrypted_and_shown_to_nobody(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app, signed_in(app, "SUPER_ADMIN") as client:
        shown = field((await patch(client, {"key": "open sesame"})).json(), "key")
        assert (shown["value"], shown["is_set"], shown["kind"]) == (None, True, "secret")
        assert app.site.settings(GardenSettings).key.reveal() == "open sesame"
        stored = await app.site.db.read(_everything)
        assert "sesame" not in stored
        # The same secret is no change.
        assert (await patch(client, {"key": "open sesame"})).json()["version"] == 1


def _everything() -> str:
    from changemaker_core.settings.stored import CoreSettings, CoreSettingsVersion

    return str([*CoreSettings.select().dicts(), *CoreSettingsVersion.select().dicts()])


async def test_what_the_operator_has_set_is_locked(open_app: Any) -> None:
    config = {"organisation": "Ours", "plugin_tables": {"garden": {"motto": "Sow"}}}
    async with open_app(GardenPlugin, **config) as app, signed_in(app, "SUPER_ADMIN") as client:
        shown = field((await client.get(GARDEN)).json(), "motto")
        assert (shown["value"], shown["locked"]) == ("Sow", "garden.motto")
        refused = await patch(client, {"motto": "Reap"})
        assert refused.json()["errors"][0]["message"] == (
            "The operator has set this (garden.motto): change it there."
        )
        assert app.site.organisation == "Ours"
        name = await client.patch("/api/settings/organisation", json={"values": {"name": "X"}})
        assert name.status_code == 422


async def test_everybody_may_see_what_is_public(open_app: Any) -> None:
    async with (
        open_app(GardenPlugin) as app,
        signed_in(app, "SUPER_ADMIN") as client,
        client_of(app) as visitor,
    ):
        seen = (await visitor.get("/api/settings/public")).json()["data"]
        assert seen["garden"] == {"beds": 12, "kind": "beans"}
        assert seen["organisation"]["name"] == "Changemaker"
        assert "mail" not in seen
        await patch(client, {"beds": 40})
        again = (await visitor.get("/api/settings/public")).json()["data"]
        assert again["garden"]["beds"] == 40, "the cached response of before"
        for path in ("/api/settings", GARDEN, f"{GARDEN}/history"):
            assert (await visitor.get(path)).status_code == 401


def test_jobs_and_commands_read_and_change_them(make_site: Any) -> None:
    site = make_site(GardenPlugin)
    assert site.settings(GardenSettings).beds == 12
    api.change_settings(site, "garden", {"beds": 7})
    assert site.settings(GardenSettings).beds == 7
    assert site.db.sync.write(lambda _: site.settings(GardenSettings).beds) == 7
    with pytest.raises(api.SettingsInvalid, match="beds: Enter a number"):
        api.change_settings(site, "garden", {"beds": 0})
    with pytest.raises(LookupError, match="GardenConfig is not the Struct"):
        site.settings(GardenConfig)
