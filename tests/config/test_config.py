"""Configuration: where it is read, what wins, and every problem at once with its place."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.config import Config, ConfigError, Secret, redis_url
from changemaker_core.config.convert import describe
from changemaker_core.config.rules import RULES
from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.config.sources import _parse, key_of, variable_of
from changemaker_core.settings.own import MailSettings, _sender

pytestmark = pytest.mark.database("sqlite")

SECRET = "0123456789abcdef" * 2
BASE = {"CHANGEMAKER_SECRET_KEY": SECRET}


class Parks(msgspec.Struct, frozen=True):
    """A plugin's configuration."""

    benches: Annotated[int, msgspec.Meta(ge=0)] = 4
    open_at_night: bool = False
    colours: tuple[str, ...] = ("green",)
    keeper: str | None = None
    kind: Literal["city", "nature"] = "city"
    ratio: float = 0.5


class Strict(msgspec.Struct, frozen=True):
    """A plugin's configuration with a key that has no default, and a rule of its own."""

    url: str
    limit: int = 1

    def __post_init__(self) -> None:
        if self.limit == 13:
            raise ValueError("limit must not be 13")


def load(folder: Path, toml: str = "", env: str = "", **environ: str) -> Config:
    (folder / "changemaker.toml").write_text(dedent(toml))
    (folder / ".env").write_text(dedent(env))
    return Config.load(folder, BASE | {f"CHANGEMAKER_{k}": v for k, v in environ.items()})


def problems(folder: Path, toml: str = "", env: str = "", **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(folder, toml, env, **environ)
    assert all(str(problem) in str(raised.value) for problem in raised.value.problems)
    return [str(problem) for problem in raised.value.problems]


def test_defaults_need_nothing_but_a_secret(tmp_path: Path) -> None:
    config = Config.load(tmp_path, BASE)
    assert config.site_dir == tmp_path
    assert config.database_url == f"sqlite:///{tmp_path}/site.db"
    assert (config.base_url, config.home_page) == ("http://127.0.0.1:4000", None)


def test_the_environment_wins_over_dotenv_and_dotenv_over_the_file(tmp_path: Path) -> None:
    toml = "organisation = 'file'\nhome_page = '/file'\nmail_from = 'file@example.org'"
    env = "CHANGEMAKER_ORGANISATION=dotenv\nexport CHANGEMAKER_HOME_PAGE='/dotenv'  # said why\n"
    config = load(tmp_path, toml, env, ORGANISATION="environment")
    assert config.organisation == "environment"
    assert config.home_page == "/dotenv"
    assert config.mail_from == "file@example.org"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("CHANGEMAKER_ORGANISATION=Green Parks", "Green Parks"),
        ("CHANGEMAKER_ORGANISATION = Green Parks # comment", "Green Parks"),
        ('CHANGEMAKER_ORGANISATION="Parks # 1"', "Parks # 1"),
        ("CHANGEMAKER_ORGANISATION='a=b'", "a=b"),
        ("CHANGEMAKER_ORGANISATION=a#b", "a#b"),
        ("CHANGEMAKER_ORGANISATION=   # a comment", "Changemaker"),
        ("CHANGEMAKER_ORGANISATION='a' # it's \"b\"", "a"),
        ('OTHER="a\\"b"\nAGAIN=#', "Changemaker"),
        ("OTHER_THING=1", "Changemaker"),
        ("# CHANGEMAKER_ORGANISATION=x", "Changemaker"),
    ],
)
def test_lines_of_dotenv(tmp_path: Path, line: str, value: str) -> None:
    assert load(tmp_path, "", line).organisation == value


def test_a_line_of_dotenv_that_is_none(tmp_path: Path) -> None:
    assert problems(tmp_path, "", "\nCHANGEMAKER_X\n") == [
        ".env:2: line must be NAME=value, with a name of letters, digits and underscores."
    ]


@pytest.mark.parametrize("value", ["# a comment", "#secret", "'a' 'b'", '"a"b"', "'a", '"a\\"b"'])
def test_a_value_of_dotenv_that_may_be_meant_in_two_ways(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, "", f"CHANGEMAKER_ORGANISATION={value}")
    assert found.startswith(".env:1 (CHANGEMAKER_ORGANISATION): line has a ")
    assert "in quotes" in found


def test_a_comment_is_no_secret(tmp_path: Path) -> None:
    """(!) Docker's ``--env-file`` takes the comment after ``=`` for the value."""
    comment = "# openssl rand -base64 48, then paste it here"
    for value in (comment, f"   {comment}"):
        assert "begins with a #, as a comment" in problems(tmp_path, SECRET_KEY=value)[0]
    (tmp_path / "changemaker.toml").write_text("")
    (tmp_path / ".env").write_text(f"CHANGEMAKER_SECRET_KEY=   {comment}\n")
    with pytest.raises(ConfigError, match="secret_key is missing"):
        Config.load(tmp_path, {})


def test_lines_end_where_editors_end_them(tmp_path: Path) -> None:
    """(!) ``str.splitlines`` ends them at U+2028, U+0085 and a form feed too."""
    value = "a\u2028b\x85c"
    table = load(tmp_path, f"[parks]\na = '{value}'", f"CHANGEMAKER_PARKS__B={value}\x0cd")
    assert dict(table.plugin_tables["parks"]) == {"a": value, "b": f"{value}\x0cd"}
    (found,) = problems(tmp_path, f"base_url = 'x'\n[parks]\na = '{value}'\nb = [1\n")
    assert found.startswith("changemaker.toml:4: line opens a list")


def test_an_empty_variable_means_the_default(tmp_path: Path) -> None:
    config = load(tmp_path, "redis_url = 'redis://a'", REDIS_URL="", DEVELOPMENT="")
    assert (config.redis_url, config.development) == (None, False)


def test_text_of_the_environment_becomes_what_it_is_for(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        DEVELOPMENT="yes",
        MAX_BODY_BYTES="5000",
        TRUSTED_PROXIES="10.0.0.0/8, 192.168.0.0/16",
        DATABASE_URL="postgresql://primary/b",
        READ_URLS='["postgresql://a/b"]',
        PLUGINS_DENY="map,media",
        PLUGINS__ALLOW="parks",
    )
    assert config.development is True
    assert config.max_body_bytes == 5000
    assert config.trusted_proxies == ("10.0.0.0/8", "192.168.0.0/16")
    assert config.read_urls == ("postgresql://a/b",)
    assert (config.plugins_allow, config.plugins_deny) == (("parks",), ("map", "media"))


def test_every_problem_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    toml = """
        databse_url = "sqlite:///x.db"
        development = "maybe"

        [plugins]
        alow = []
        """
    found = problems(
        tmp_path, toml, "CHANGEMAKER_HOME_PAGE=nowhere", BASE_URL="example.org", X__Y="1"
    )
    assert (
        "changemaker.toml:2: databse_url is not a known key. Did you mean 'database_url'?" in found
    )
    assert any(
        p.startswith("changemaker.toml:3: development must be true or false.") for p in found
    )
    assert "changemaker.toml:6: plugins.alow is not a known key. Did you mean 'allow'?" in found
    assert any(
        p.startswith(".env:1 (CHANGEMAKER_HOME_PAGE): home_page must be a path") for p in found
    )
    assert any(p.startswith("CHANGEMAKER_BASE_URL: base_url must be http://host") for p in found)
    assert len(found) == 5


def test_a_missing_secret_says_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CHANGEMAKER_SECRET_KEY"):
        Config.load(tmp_path, {})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("secret_key", "é" * 15),
        ("database_url", "mysql://a/b"),
        ("database_url", "sqlite://"),
        ("database_url", "sqlite:///:memory:"),
        ("database_url", "postgresql://host"),
        ("database_url", "postgresql://host:port/name"),
        ("read_urls", "postgresql://a/b,nothing"),
        ("read_urls", "sqlite:///copy.db"),
        ("redis_url", "http://a"),
        ("redis_url", "redis://host:port"),
        ("redis_url", "unix://"),
        ("redis_url", "sentinel://host:26379"),
        ("smtp_url", "mail.example.org"),
        ("smtp_url", "smtp://"),
        ("smtp_url", "smtp://mail.example.org?starttls=perhaps"),
        ("smtp_url", "smtp://mail.example.org?timeout=5"),
        ("smtp_url", "smtp://mail.example.org/inbox"),
        ("smtp_url", "smtp://mail.example.org#here"),
        ("smtp_url", "smtp://mail.example.org#"),
        ("smtp_url", "smtp://mail.example.org//"),
        ("smtp_url", "smtp://mail.example.org:0"),
        ("smtp_url", "smtp://mail.example.org:70000"),
        ("base_url", "https://example.org:70000"),
        ("mail_from", "nobody"),
        ("mail_from", "noreply@my_host"),
        ("mail_from", "no..reply@example.org"),
        ("mail_from", f"{'a' * 65}@example.org"),
        ("mail_from", "A\u2028B <a@example.org>"),
        ("mail_from", "a@b.c\nBcc: d@e.f"),
        ("base_url", "ftp://example.org"),
        ("base_url", "https://example.org/?x=1"),
        ("home_page", "//example.org"),
        ("home_page", "/\\example.org"),
        ("home_page", "/"),
        ("home_page", "/?from=home"),
        ("home_page", "/#top"),
        ("home_page", "/."),
        ("home_page", "/%2e/"),
        ("home_page", "/campaigns/.."),
        ("organisation", "  "),
        ("default_locale", "german"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("plugins_deny", "Not A Name"),
        ("max_body_bytes", "0"),
        ("api_rate_limit", "-1"),
        ("page_rate_limit", "0"),
        ("event_streams", "-1"),
        ("content_origins", "https://a.example.org/path"),
        ("content_origins", "https://a.example.org; script-src *"),
        ("jobs_niceness", "20"),
        ("drain_seconds", "0"),
    ],
)
def test_values_that_are_refused(tmp_path: Path, key: str, value: str) -> None:
    (found,) = problems(tmp_path, **{key.upper(): value})
    assert f"{key} must" in found or f"{key} must" in found.replace("plugins.", "plugins_")


@pytest.mark.parametrize("key", ["secret_key", "database_url", "smtp_url", "redis_url"])
def test_secrets_are_not_repeated(tmp_path: Path, key: str) -> None:
    (found,) = problems(tmp_path, **{key.upper(): "xxx://u:hunter2@h"})
    assert "hunter2" not in found


@pytest.mark.parametrize("password", ["hunter#2", "hunter/2", "hunter?2", "hun[ter2"])
@pytest.mark.parametrize(
    ("key", "form"),
    [
        ("smtp_url", "smtp://user:{}@mail.example.org:587"),
        ("database_url", "postgresql://user:{}@host/"),
        ("redis_url", "redis://user:{}@host:port"),
    ],
)
def test_a_password_that_breaks_a_url_gets_a_hint(
    tmp_path: Path, key: str, form: str, password: str
) -> None:
    (found,) = problems(tmp_path, **{key.upper(): form.format(password)})
    assert "must be percent-encoded: # is %23" in found
    assert "hunter" not in found


def test_a_url_without_a_password_gets_no_hint(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, SMTP_URL="smtp://mail.example.org/inbox")
    assert "percent" not in found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("secret_key", "é" * 16),
        ("database_url", "postgresql://user:pass@host:5432/name"),
        ("database_url", "sqlite:////srv/site.db"),
        ("smtp_url", "smtps://user:p%40ss@mail.example.org:465"),
        ("smtp_url", "smtp://mail.example.org:25?starttls=required"),
        ("mail_from", "Green Parks <hello@example.org>"),
        ("mail_from", "noreply@localhost"),
        ("mail_from", "noreply@exämple.org"),
        ("time_zone", "America/Edmonton"),
        ("default_locale", "fr"),
    ],
)
def test_values_that_are_good(tmp_path: Path, key: str, value: str) -> None:
    assert getattr(load(tmp_path, **{key.upper(): value}), key) == value


@given(mail_from=st.text() | st.builds("{}@{}.org".format, st.text(), st.text()))
def test_mail_can_be_sent_from_whatever_sender_is_accepted(mail_from: str) -> None:
    """Else the first message would be the first to tell, a day after the site was set up."""
    if RULES["mail_from"](mail_from) is None:
        name, address = (_sender(part)(mail_from) for part in ("name", "email"))
        assert MailSettings(from_name=name, from_address=address).sender


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("smtps://mail.example.org", 465),
        ("smtp://user:x@mail.example.org?starttls=never", 587),
        ("smtp://mail.example.org?starttls=required", 25),
    ],
)
def test_the_port_of_a_mail_server_is_the_same_wherever_it_is_set(url: str, port: int) -> None:
    server = SmtpUrl.parse(url)
    values: Any = {"host": server.host, "security": server.security, "user": server.user or ""}
    chosen = MailSettings(**values).server
    assert chosen is not None
    assert (server.port, chosen.port) == (port, port)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:p%40ss@host:6379/1",
        "rediss://user:pass@host",
        "unix:///run/redis.sock",
        "sentinel://:pass@one:26379,two/changemaker/1?sentinel_password=x",
    ],
)
def test_redis_needs_postgresql(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, REDIS_URL=url, DATABASE_URL="postgresql://h/name").redis_url == url
    for database in ({}, {"DATABASE_URL": "sqlite:///other.db"}):
        (found,) = problems(tmp_path, REDIS_URL=url, **database)
        assert "CHANGEMAKER_REDIS_URL: redis_url needs PostgreSQL" in found
    (found,) = problems(tmp_path, REDIS_URL=url, DATABASE_URL="mysql://h/name")
    assert "database_url must" in found


def test_redis_needs_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_url, "_PACKAGES", ("redis", "not_installed_anywhere"))
    (found,) = problems(tmp_path, REDIS_URL="redis://h", DATABASE_URL="postgresql://h/name")
    assert "(not_installed_anywhere)" in found
    assert "changemaker-core[redis]" in found


def test_addresses_are_made_whole(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    config = load(tmp_path, DATABASE_URL="sqlite:///data/x.db", BASE_URL="https://example.org/act/")
    assert config.database_url == f"sqlite:///{tmp_path}/data/x.db"
    assert config.base_url == "https://example.org/act"


def test_variables_of_kubernetes_services_are_not_ours(tmp_path: Path) -> None:
    """(!) Kubernetes names them after services: ``changemaker``, ``changemaker-web-2`` …"""
    for service in ("", "WEB_", "WEB_2_", "SMTP_"):
        variables = {
            "PORT": "tcp://10.0.0.1:4000",
            "SERVICE_HOST": "10.0.0.1",
            "SERVICE_PORT": "4000",
            "SERVICE_PORT_HTTP": "4000",
            "PORT_4000_TCP": "tcp://10.0.0.1:4000",
            "PORT_4000_TCP_ADDR": "10.0.0.1",
            "PORT_53_UDP_PROTO": "udp",
        }
        load(tmp_path, **{f"{service}{name}": value for name, value in variables.items()})
    load(tmp_path, SITE="/elsewhere")
    for name in ("PORTS", "PORT", "SMTP_PORT", "PORT_4000"):
        assert f"CHANGEMAKER_{name}: {name.lower()}" in problems(tmp_path, **{name: "1"})[0]
    table = load(tmp_path, PARKS__SMTP_PORT="25", PARKS__SERVICE_HOST="x").plugin_tables["parks"]
    assert dict(table) == {"smtp_port": "25", "service_host": "x"}


def test_what_is_no_unicode_is_reported(tmp_path: Path) -> None:
    """What is not UTF-8 in the environment arrives as surrogates, which nothing can encode."""
    latin = os.fsdecode(b"caf\xe9 " * 12)
    for name in ("SECRET_KEY", "ORGANISATION", "PARKS__TOKEN"):
        (found,) = problems(tmp_path, **{name: latin})
        assert found.startswith(f"CHANGEMAKER_{name}: {name.lower().replace('__', '.')} is not UTF")


def test_a_folder_that_must_not_be_opened_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(!) Before Python 3.14, ``Path.is_dir`` raises an error there."""
    closed, stat = f"{tmp_path}/closed/", os.stat

    def permitted(path: Any, *args: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(closed):
            raise PermissionError(13, "Permission denied")
        return stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", permitted)
    (found,) = problems(tmp_path, DATABASE_URL=f"sqlite:///{closed}inner/x.db")
    assert f"names a file in {closed}inner, which this account cannot open" in found
    first, *_ = Config.read(Path(closed, "inner"), BASE)[1]
    assert str(first).startswith(f"{closed}inner: site folder cannot be opened")


def test_every_line_that_is_not_toml_is_reported(tmp_path: Path) -> None:
    toml = "a = 1\n= 2\n\norganisation = \n[parks\nbenches = 1\n[trees]\nx = 1"
    found = problems(tmp_path, toml, MAX_BODY_BYTES="x")
    assert [problem.partition(" ")[0] for problem in found] == [
        "changemaker.toml:1:",
        "changemaker.toml:2:",
        "changemaker.toml:4:",
        "changemaker.toml:5:",
        "CHANGEMAKER_MAX_BODY_BYTES:",
    ]
    assert found[2] == "changemaker.toml:4: line has no value after =."


@pytest.mark.parametrize(
    ("toml", "report"),
    [
        ("home_page = '/a'\n\nhome_page = '/b'", "3: home_page is set twice, first in line 1."),
        ("[parks]\nbenches = 1\nbenches = 2", "3: parks.benches is set twice, first in line 2."),
        ("[parks]\nbenches = 1\n[parks]", "3: parks is set twice, first in line 1."),
        ("[parks]\n[trees]\n[parks]\nbase_url = 1", "3: parks is set twice, first in line 1."),
        ("parks.benches = 1\nparks.benches = 1", "2: parks.benches is set twice, first in line 1."),
    ],
)
def test_a_key_that_is_set_twice_is_named(tmp_path: Path, toml: str, report: str) -> None:
    (found,) = problems(tmp_path, toml)
    assert found == f"changemaker.toml:{report} Remove one of the two."


@pytest.mark.parametrize(
    "before",
    [
        '# a comment with """ in it',
        "organisation = \"'''\"  # and '''",
        'organisation = \'a """ b\'',
        'organisation = """a # """',
        "organisation = '''\n  # '''",
    ],
)
def test_lines_are_counted_beside_quotation_marks_of_all_kinds(tmp_path: Path, before: str) -> None:
    (found,) = problems(tmp_path, f"{before}\nbase_url = 'x'")
    assert found.startswith(f"changemaker.toml:{before.count(chr(10)) + 2}: base_url must be")


def test_a_broken_file_is_not_said_to_lack_the_secret(tmp_path: Path) -> None:
    (tmp_path / "changemaker.toml").write_text("secret_key = unquoted")
    with pytest.raises(ConfigError) as raised:
        Config.load(tmp_path, {})
    assert len(raised.value.problems) == 1


def test_a_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    (tmp_path / "changemaker.toml").write_bytes("\ufefforganisation = 'Parks'\r\n".encode())
    (tmp_path / ".env").write_bytes("\ufeffCHANGEMAKER_HOME_PAGE=/parks\r\n".encode())
    config = Config.load(tmp_path, BASE)
    assert (config.organisation, config.home_page) == ("Parks", "/parks")


def test_a_file_of_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "changemaker.toml").write_bytes("organisation = 'Parks'".encode("utf-16"))
    (tmp_path / ".env").write_bytes("CHANGEMAKER_ORGANISATION=é".encode("latin-1"))
    with pytest.raises(ConfigError) as raised:
        Config.load(tmp_path, BASE)
    assert [problem.where for problem in raised.value.problems] == ["changemaker.toml", ".env"]
    assert "line 1 is not UTF-8" in str(raised.value)


@given(st.text(alphabet="abx.[]= \"'\n#1{},", max_size=80))
def test_no_file_makes_reading_fail_otherwise_than_with_problems_in_lines(text: str) -> None:
    table, found = _parse(text)
    assert isinstance(table, dict)
    assert all(problem.where.startswith("changemaker.toml:") for problem in found)


@pytest.mark.parametrize(
    ("base_url", "public"),
    [
        ("https://act.example.org", True),
        ("http://93.184.216.34", True),
        ("http://[2606:4700::1111]:4000", True),
        ("http://127.0.0.1:4000", False),
        ("http://192.168.1.20:4000", False),
        ("http://localhost:4000", False),
        ("http://web:4000", False),
        ("http://box.local", False),
    ],
)
def test_development_is_not_for_a_public_address(
    tmp_path: Path, base_url: str, public: bool
) -> None:
    config = load(tmp_path, "\ndevelopment = true", BASE_URL=base_url)
    if not public:
        config.check_serving()
        return
    with pytest.raises(ConfigError, match=r"toml:2: development must be false"):
        config.check_serving()


class Guarded(msgspec.Struct, frozen=True):
    """A plugin's configuration with secrets."""

    api_key: Secret
    other: Secret | None = None
    several: tuple[Secret, ...] = ()


def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "[guarded]\napi_key = 'hunter2'",
        GUARDED__OTHER="hunter3, 4",
        GUARDED__SEVERAL="hunter5,hunter6",
        SMTP_URL="smtp://u:hunter7@localhost",
    )
    guarded = config.plugin_config("guarded", Guarded)
    assert guarded.api_key.reveal() == "hunter2"
    assert guarded.other is not None and guarded.other.reveal() == "hunter3, 4"
    assert [each.reveal() for each in guarded.several] == ["hunter5", "hunter6"]
    shown = f"{guarded!r} {guarded.api_key} {config!r} {config.origins!r}"
    shown += f"{SmtpUrl.parse(str(config.smtp_url))!r}"
    shown += (
        f"{redis_url.SentinelAddress.parse('sentinel://:hunter8@h/s?sentinel_password=hunter9')!r}"
    )
    assert "hunter" not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(guarded)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(guarded.api_key)


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")


def test_a_secret_of_another_type_is_a_problem_without_its_value(tmp_path: Path) -> None:
    config = load(tmp_path, "[guarded]\napi_key = 20482048")
    with pytest.raises(ConfigError) as raised:
        config.plugin_config("guarded", Guarded)
    (problem,) = raised.value.problems
    assert "must be text, which is kept secret" in str(problem)
    assert "20482048" not in str(problem)


def test_help_of_the_configuration_shows_no_environment() -> None:
    """``help`` prints the defaults of a signature."""
    program = "from changemaker_core import Config; help(Config)"
    shown = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "CHANGEMAKER_SECRET_KEY": "hunter2" * 8},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "class Config" in shown.stdout and "hunter2" not in shown.stdout


def test_a_table_in_place_of_a_value(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "[base_url]\nhost = 'example.org'")
    assert found == "changemaker.toml:2: base_url must be text. It is a table."


def test_the_site_folder_comes_from_the_environment(tmp_path: Path) -> None:
    config = Config.load(None, BASE | {"CHANGEMAKER_SITE": str(tmp_path)})
    assert config.site_dir == tmp_path
    with pytest.raises(ConfigError, match="changemaker init"):
        Config.load(tmp_path / "nowhere", BASE)


def test_reading_goes_on_beside_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "changemaker.toml").write_text("organisation = 'Parks'\nhome_page = 3\n")
    config, found = Config.read(tmp_path, {})
    assert (config.organisation, config.home_page) == ("Parks", None)
    assert {problem.key for problem in found} == {"home_page", "secret_key"}
    assert len(config.secret_key) >= 32


def test_configuration_never_shows_what_it_holds(tmp_path: Path) -> None:
    config = load(tmp_path, SMTP_URL="smtp://user:hunter2@example.org")
    assert SECRET not in repr(config)
    assert "hunter2" not in f"{config} {config!r}"


def test_a_plugins_table_gets_its_types(tmp_path: Path) -> None:
    toml = "[parks]\nbenches = 7\ncolours = ['red', 'blue']\n"
    config = load(tmp_path, toml, PARKS__OPEN_AT_NIGHT="on", PARKS__KEEPER="7", PARKS__RATIO="0.25")
    assert config.plugin_config("parks", Parks) == Parks(
        benches=7, open_at_night=True, colours=("red", "blue"), keeper="7", ratio=0.25
    )
    assert config.plugin_config("trees", Parks) == Parks()


def test_every_problem_of_a_plugins_table(tmp_path: Path) -> None:
    toml = "[parks]\nbenches = -1\nbenchs = 3\nkind = 'wild'\n"
    config = load(tmp_path, toml, PARKS__RATIO="half")
    with pytest.raises(ConfigError) as raised:
        config.plugin_config("parks", Parks)
    text = str(raised.value)
    assert "changemaker.toml:2: parks.benches must be a whole number of at least 0." in text
    assert "changemaker.toml:3: parks.benchs is not a known key. Did you mean 'benches'?" in text
    assert "changemaker.toml:4: parks.kind must be one of city, nature." in text
    assert "CHANGEMAKER_PARKS__RATIO: parks.ratio must be a number." in text
    assert len(raised.value.problems) == 4


def test_a_wrong_type_is_named_in_words(tmp_path: Path) -> None:
    toml = "trusted_proxies = '127.0.0.1'\n[parks]\ncolours = ['red', 7]\n"
    (tmp_path / "changemaker.toml").write_text(toml)
    _, problems = Config.read(tmp_path, {})
    text = "\n".join(map(str, problems))
    allowed = 'must be a list of text, such as ["one", "two"].'
    assert f"changemaker.toml:1: trusted_proxies {allowed} It is text." in text
    assert "Generate one: `python" in text


def test_a_plugins_own_rule_and_missing_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CHANGEMAKER_STRICT__URL"):
        load(tmp_path).plugin_config("strict", Strict)
    config = load(tmp_path, STRICT__URL="x", STRICT__LIMIT="13")
    with pytest.raises(ConfigError, match=r"STRICT__LIMIT: strict\.limit must not be 13"):
        config.plugin_config("strict", Strict)


def test_numbers_of_the_file_are_not_taken_for_text(tmp_path: Path) -> None:
    config = load(tmp_path, "[parks]\nkeeper = 7\nopen_at_night = 'yes'")
    with pytest.raises(ConfigError) as raised:
        config.plugin_config("parks", Parks)
    assert len(raised.value.problems) == 2


def test_lines_are_right_beside_strings_of_many_lines_and_dotted_keys(tmp_path: Path) -> None:
    toml = '''
        organisation = """
        home_page = 1
        """
        parks.benches = "x"
        trees = { benches = "x" }
        '''
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, toml)
    (problem,) = raised.value.problems  # a name on one line
    assert problem.where == "changemaker.toml:2"
    config, _ = Config.read(tmp_path, BASE)
    for plugin, line in (("parks", 5), ("trees", 6)):
        with pytest.raises(ConfigError, match=f"toml:{line}: {plugin}.benches"):
            config.plugin_config(plugin, Parks)


def test_tests_read_nothing_but_what_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "changemaker.toml").write_text("organisation = 'Parks'")
    config = Config.for_tests(tmp_path, development=True, plugin_tables={"parks": {"benches": 2}})
    assert (config.organisation, config.development) == ("Changemaker", True)
    assert config.plugin_config("parks", Parks).benches == 2
    assert config.database_url == f"sqlite:///{tmp_path}/site.db"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (bool, "true or false"),
        (
            Annotated[int, msgspec.Meta(gt=0, lt=10)],
            "a whole number greater than 0 and less than 10",
        ),
        (int | None, "a whole number"),
        (tuple[str, ...], 'a list of text, such as ["one", "two"]'),
        (Annotated[int, msgspec.Meta(ge=1, le=9)], "a whole number from 1 to 9"),
        (dict[str, int], "a table"),
        (Literal["a", "b"], "one of a, b"),
        (int | str, "a whole number or text"),
    ],
)
def test_types_are_said_in_words(kind: object, words: str) -> None:
    assert describe(kind) == words


NAME = st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True)


@given(st.tuples(NAME) | st.tuples(st.from_regex(r"[a-z][a-z0-9]*", fullmatch=True), NAME))
def test_variables_and_keys_name_each_other(key: tuple[str, ...]) -> None:
    assert key_of(variable_of(key)) == key


@given(st.text(max_size=60).filter(lambda text: "\x00" not in text and text != ""))
def test_no_text_makes_reading_fail_otherwise_than_with_problems(text: str) -> None:
    environ = {f"CHANGEMAKER_{name}": text for name in FIELDS}
    config, found = Config.read(Path(), environ)
    assert all(problem.where for problem in found)
    assert config.organisation


FIELDS = [
    name.upper()
    for name in Config.__struct_fields__
    if name not in ("site_dir", "plugin_tables", "origins")
]


def test_the_disk_of_a_database_is_its_own_where_it_is_another(tmp_path: Path) -> None:
    """(!) Also where it is mounted within the folder of the site, or a link leads there."""
    here = {"site": tmp_path}
    assert Config.for_tests(tmp_path).disks() == here
    assert Config.for_tests(tmp_path, database_url=f"sqlite:///{tmp_path}/x/y.db").disks() == here
    assert Config.for_tests(tmp_path, database_url="postgresql://db/site").disks() == here
    (tmp_path / "data").symlink_to("/proc")
    for url in ("sqlite:////proc/x.db", "sqlite:///data/x.db"):
        both = {**here, "database": Path("/proc")}
        assert Config.for_tests(tmp_path, database_url=url).disks() == both
