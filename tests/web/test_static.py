"""Static files: those in the index are served, and no others."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import brotli
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.config import Config, ConfigError
from changemaker_core.http.response import security_policy
from changemaker_core.testing import client_of
from changemaker_core.web.assets import compression

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

    from changemaker_core.web import StaticFiles

LONG = "a { color: green }\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    static = tmp_path / "static" / "garden"
    (static / "css").mkdir(parents=True)
    (static / "css" / "a.css").write_text("a{}", encoding="utf-8")
    (static / "long.css").write_text(LONG, encoding="utf-8")
    (static / "odd.xyz").write_bytes(b"\x00" * 2000)
    (static / ".secret").write_text("hidden", encoding="utf-8")
    (tmp_path / "outside.css").write_text("secret", encoding="utf-8")
    (static / "link.css").symlink_to(tmp_path / "outside.css")
    return tmp_path


@pytest.fixture
def files(folder: Path, site_of: Callable[..., SimpleNamespace]) -> StaticFiles:
    static_files: StaticFiles = site_of(("garden", folder)).static
    return static_files


def address(files: StaticFiles, path: str) -> str:
    return files.url(path).removeprefix("/static/")


async def test_a_file_is_stored_for_a_year_under_the_version_of_its_folder(
    files: StaticFiles,
) -> None:
    response = await files.response(address(files, "garden/css/a.css"))
    assert response is not None
    assert (response.status, response.body) == (200, b"a{}")
    headers = dict(response.headers)
    assert headers["content-type"] == "text/css; charset=utf-8"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


def test_files_that_name_each_other_have_one_version(
    files: StaticFiles, folder: Path, site_of: Callable[..., SimpleNamespace]
) -> None:
    """A module imports ./long.js from the version that it has itself."""
    one, other = files.url("garden/css/a.css"), files.url("garden/long.css")
    assert one.removesuffix("css/a.css") == other.removesuffix("long.css")
    (folder / "static/garden/long.css").write_text("b{}", encoding="utf-8")
    changed = site_of(("garden", folder)).static
    assert changed.url("garden/css/a.css") != one
    assert changed.url("core/base.css") == files.url("core/base.css")


@pytest.mark.parametrize("path", ["garden/css/a.css", "~0000000000000000/garden/css/a.css"])
async def test_without_the_right_version_browsers_ask_again(files: StaticFiles, path: str) -> None:
    response = await files.response(path)
    assert response is not None
    assert dict(response.headers)["cache-control"] == "public, max-age=0, must-revalidate"


async def test_what_the_browser_has_is_not_sent_again(files: StaticFiles) -> None:
    first = await files.response("garden/long.css", accept_encoding="gzip")
    assert first is not None
    etag = dict(first.headers)["etag"]
    response = await files.response(
        "garden/long.css", accept_encoding="gzip", if_none_match=f'"other", W/{etag}'
    )
    assert response is not None
    assert (response.status, response.body) == (304, b"")
    other = await files.response(
        "garden/long.css", accept_encoding="gzip", if_none_match=f'"other{etag}'
    )
    assert other is not None
    assert other.status == 200
    plain = await files.response("garden/long.css", if_none_match=etag)
    assert plain is not None
    assert plain.status == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("*", "br"),
        ("*;q=0", ""),
        ("identity", ""),
        ("gzip;q=x", ""),
        ("", ""),
    ],
)
async def test_a_file_is_compressed_as_the_browser_accepts(
    files: StaticFiles, accepted: str, encoding: str
) -> None:
    response = await files.response("garden/long.css", accept_encoding=accepted)
    assert response is not None
    headers = dict(response.headers)
    assert headers["vary"] == "Accept-Encoding"
    assert headers.get("content-encoding", "") == encoding
    decode: dict[str, Any] = {"br": brotli.decompress, "gzip": gzip.decompress, "": bytes}
    assert decode[encoding](response.body) == LONG.encode()
    assert not encoding or len(response.body) < 200


async def test_a_file_is_compressed_once(
    files: StaticFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await files.response("garden/long.css", accept_encoding="gzip")
    monkeypatch.setattr(gzip, "compress", None)
    second = await files.response("garden/long.css", accept_encoding="gzip")
    assert first == second


@pytest.mark.parametrize("path", ["garden/css/a.css", "garden/odd.xyz"])
async def test_small_files_and_unknown_types_are_sent_as_they_are(
    files: StaticFiles, path: str
) -> None:
    response = await files.response(path, accept_encoding="br, gzip")
    assert response is not None
    assert not {"vary", "content-encoding"} & dict(response.headers).keys()


async def test_gzip_remains_where_brotli_is_not_installed(
    files: StaticFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "encodings", lambda: ("gzip",))
    compression.best_encoding.cache_clear()
    try:
        assert compression.best_encoding("br, gzip") == "gzip"
    finally:
        compression.best_encoding.cache_clear()


async def test_an_unknown_kind_is_not_guessed(files: StaticFiles) -> None:
    file = files.find("garden/odd.xyz")
    assert file is not None
    assert file.content_type == "application/octet-stream"


@pytest.mark.parametrize(
    "path",
    [
        "garden/.secret",
        "garden/link.css",
        "garden/../../outside.css",
        "garden/css/../css/a.css",
        "garden/css/",
        "garden",
        "",
        "~",
        "~/",
        "~abc",
        "~abc/~abc/garden/css/a.css",
        "/garden/css/a.css",
        "garden\\css\\a.css",
        "core/base.css\x00",
        "other/a.css",
    ],
)
async def test_nothing_else_is_found(files: StaticFiles, path: str) -> None:
    assert await files.response(path) is None
    assert files.moved(path) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["garden", "css", "..", ".", "", "a.css", "static", "~1"])))
def test_no_path_but_its_own_finds_a_file(files: StaticFiles, parts: list[str]) -> None:
    path = "/".join(parts)
    assert (files.find(path) is not None) == (path == "garden/css/a.css")


def test_a_misspelt_file_is_an_error_with_a_suggestion(files: StaticFiles) -> None:
    with pytest.raises(LookupError, match=r"Did you mean 'garden/css/a\.css'"):
        files.url("garden/css/b.css")


async def test_an_outdated_address_leads_to_the_file_as_it_is_now(open_app: Any) -> None:
    """A page that was open during an upgrade asks for a module of the version before."""
    async with open_app() as app, client_of(app) as client:
        old = "/static/~0123456789abcdef/core/base.css"
        moved = await client.get(old)
        assert (moved.status_code, moved.headers["cache-control"]) == (302, "no-cache")
        now = await client.get(old, follow_redirects=True)
        assert now.url.path == app.site.static.url("core/base.css")
        assert "immutable" in now.headers["cache-control"]
        gone = await client.get("/static/~0123456789abcdef/core/gone.css")
        assert gone.status_code == 404


async def test_head_says_what_get_says(open_app: Any) -> None:
    async with open_app() as app, client_of(app) as client:
        path, accepts = app.site.static.url("core/base.css"), {"Accept-Encoding": "gzip"}
        got = await client.get(path, headers=accepts)
        head = await client.head(path, headers=accepts)
        same = ("content-length", "content-encoding", "etag", "vary", "cache-control")
        assert [head.headers[name] for name in same] == [got.headers[name] for name in same]
        assert head.content == b""


async def test_a_cdn_serves_static_files_and_the_policy_lets_it(open_app: Any) -> None:
    cdn = "https://cdn.example.org"
    async with open_app(static_url=f"{cdn}/act/") as app, client_of(app) as client:
        page = await client.get("/nowhere", headers={"Accept": "text/html"})
        base = app.site.static.url("core/base.css", "/prefix")
        assert base.startswith(f"{cdn}/act/static/~")
        assert base in page.text
        policy = dict(
            each.split(" ", 1) for each in page.headers["content-security-policy"].split("; ")
        )
        for directive in ("script-src", "style-src", "img-src", "font-src"):
            assert policy[directive].split()[-1] == cdn
        assert policy["form-action"] == "'self'"
        file = await client.get(base.removeprefix(f"{cdn}/act"))
        assert file.headers["access-control-allow-origin"] == "*"


def test_an_origin_is_in_the_policy_once() -> None:
    policy = security_policy(["https://a.example"], {"img-src": "'none'"}, "https://a.example/x")
    assert "img-src https://a.example;" in policy
    assert "connect-src 'self' https://a.example;" in policy


@pytest.mark.parametrize("key", ["STATIC_URL", "CONTENT_ORIGINS"])
@pytest.mark.parametrize("value", ["cdn", "https://a.example; script-src *", "https://a.example'"])
def test_an_origin_cannot_change_the_policy(tmp_path: Path, key: str, value: str) -> None:
    environ = {"CHANGEMAKER_SECRET_KEY": "s" * 32, f"CHANGEMAKER_{key}": value}
    with pytest.raises(ConfigError, match=key.lower()):
        Config.load(tmp_path, environ)
