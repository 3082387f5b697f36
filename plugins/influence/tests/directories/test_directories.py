"""Which directory a site uses, and directories of other plugins."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import peewee
import pytest

from changemaker_core import Plugin, hookimpl
from changemaker_core.plugin.errors import BootFailed, PluginConfigError
from changemaker_core.testing import client_of
from changemaker_influence.api import Directory, DirectoryEntry, PostalCodeInvalid, representative
from changemaker_influence.directories import services
from changemaker_influence.directories.checks import check_data
from changemaker_influence.directories.errors import DirectoryUnavailable, seconds_to_wait
from changemaker_influence.directories.represent_format import MAX_PEOPLE, read_entry
from changemaker_influence.directories.representatives import MAX_OFFICES
from changemaker_influence.directories.services import cache_live_entry
from changemaker_influence.plugin import InfluencePlugin


class Villages(Directory):
    """Another country, where places have names instead of codes."""

    name = "villages"
    cached = False

    def normalise(self, typed):
        if not typed.isalpha():
            raise PostalCodeInvalid("Enter the name of a village.")
        return typed.casefold()

    def format_code(self, code):
        return code.title()

    async def find(self, code):
        return DirectoryEntry(
            city=code,
            representatives=(
                representative(name="Ana", elected_office="Mayor", email="ana@village.example"),
            ),
        )


class VillagesPlugin(Plugin):
    """Registers ``villages``."""

    name = "villages"
    after = ("influence",)

    @hookimpl
    def influence_register_directories(self):
        return [Villages()]


class HamletsPlugin(VillagesPlugin):
    """Registers ``villages``, too."""

    name = "hamlets"


@pytest.mark.parametrize("url", ["represent.example", "ftp://represent.example", "https://", ""])
def test_the_directory_is_a_web_server(make_site, url):
    with pytest.raises(BootFailed, match=r"influence\.represent_url must be http"):
        make_site(InfluencePlugin, plugin_tables={"influence": {"represent_url": url}})


@pytest.fixture
def tables():
    """The plugin tables of a site that uses this directory."""

    def of(directory, **settings):
        return {"influence": {"directory": directory, **settings}}

    return of


async def test_another_plugins_directory_is_used(open_app, tables):
    plugins = (InfluencePlugin, VillagesPlugin)
    async with (
        open_app(*plugins, plugin_tables=tables("villages")) as app,
        client_of(app) as client,
    ):
        path = "/api/public/representatives"
        response = await client.post(path, json={"postal_code": "Riverside"})
        assert response.json()["postal_code"] == "riverside"
        assert response.json()["data"][0]["level"] == "MUNICIPAL"
        refused = await client.post(path, json={"postal_code": "L5G 4L3"})
        assert refused.status_code == 422
        assert "village" in refused.text


@pytest.mark.parametrize(
    ("plugins", "directory", "settings", "said"),
    [
        ((), "vilages", {}, "represent, villages. Did you mean 'villages'?"),
        ((HamletsPlugin,), "villages", {}, "hamlets and villages both offer"),
        ((), "file", {"directory_file": "nowhere.csv"}, "does not exist"),
    ],
)
def test_a_directory_that_cannot_be_used_is_refused_at_boot(
    make_site, tables, plugins, directory, settings, said
):
    with pytest.raises(BootFailed) as refused:
        make_site(
            InfluencePlugin,
            VillagesPlugin,
            *plugins,
            plugin_tables=tables(directory, **settings),
        )
    (problem,) = refused.value.problems
    assert isinstance(problem, PluginConfigError)
    assert said in str(problem)


async def test_a_directory_file_is_relative_to_the_site(open_app, tables, tmp_path):
    (tmp_path / "people.csv").write_text("postal_code,name,elected_office\n*,Ada,MP\n")
    settings = tables("file", directory_file="people.csv")
    async with open_app(InfluencePlugin, plugin_tables=settings) as app, client_of(app) as client:
        path = "/api/public/representatives"
        response = await client.post(path, json={"postal_code": "L5G 4L3"})
        assert [each["name"] for each in response.json()["data"]] == ["Ada"]


@pytest.mark.parametrize("development", [True, False])
async def test_only_a_site_in_development_shows_sample_people_without_a_word(
    open_app, caplog, development
):
    tables = {"influence": {"directory": "file"}}
    async with open_app(InfluencePlugin, plugin_tables=tables, development=development):
        pass
    warned = [record for record in caplog.records if "fictional people" in record.getMessage()]
    assert bool(warned) is not development


def test_doctor_looks_at_the_entries_that_were_fetched_last(make_site, tables):
    class Cached(Villages):
        cached = True

    site = make_site(InfluencePlugin, VillagesPlugin, plugin_tables=tables("villages"))
    sheriff = representative(name="Sam", elected_office="Sheriff")
    entry = DirectoryEntry(representatives=(sheriff,), problems=("a number instead of text",))
    for code in ("riverside", "hillside"):
        site.db.sync.write(cache_live_entry, "villages", code, entry)
    odd, unknown = check_data(site, Cached())
    assert "a number instead of text (2 times)" in odd.detail
    assert "Sheriff (2 times)" in unknown.detail


@pytest.mark.database("sqlite")
async def test_what_a_lookup_leaves_behind_is_no_reason_to_show_nobody(
    visit, represent, monkeypatch, caplog
):
    """The disk is full: what is counted, or cached, is not."""

    def full(*args):
        raise peewee.OperationalError("database or disk is full")

    async with visit(directory="represent", represent_url=represent.url) as v:
        monkeypatch.setattr(services, "cache_live_entry", full)
        monkeypatch.setattr(services, "count_lookup", full)
        found = await v.representatives("L5G4L3")
        assert (found.status_code, found.json()["cached_at"]) == (200, None)
        assert "disk is full" in caplog.text


def test_a_hostile_response_is_read_in_pieces():
    """Nine hundred thousand entries: those that are left out cost nothing."""
    content = msgspec.json.encode(
        {
            "representatives_centroid": [1] * 50_000,
            "representatives_concordance": [{"name": "Late"}],
        }
    )
    entry = read_entry(content)
    assert entry.representatives == ()
    assert entry.problems[0] == f"more than {MAX_PEOPLE} people: the rest was left out"
    offices = [{"tel": str(number)} for number in range(50)]
    (person,) = read_entry(
        msgspec.json.encode({"representatives_centroid": [{"name": "A", "offices": offices}]})
    ).representatives
    assert [each.tel for each in person.offices] == [str(number) for number in range(MAX_OFFICES)]


@pytest.mark.parametrize("address", ["root@localhost", '"a b"@x.example', "a@[127.0.0.1]", "a@b"])
def test_who_can_be_written_to_is_whom_the_api_takes(address):
    (person,) = read_entry(
        msgspec.json.encode({"representatives_centroid": [{"name": "A", "email": address}]})
    ).representatives
    assert (person.email, person.can_email) == (None, False)


def test_a_visitor_is_asked_to_come_back_today():
    """Whatever a directory says."""
    assert seconds_to_wait(DirectoryUnavailable("429", retry_after=timedelta(days=99))) == 600
