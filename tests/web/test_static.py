"""Static files: those in the index are served, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

    from changemaker_core.web import StaticFiles


@pytest.fixture
def files(tmp_path: Path, site_of: Callable[..., SimpleNamespace]) -> StaticFiles:
    static = tmp_path / "static" / "garden"
    (static / "css").mkdir(parents=True)
    (static / "css" / "a.css").write_text("a{}", encoding="utf-8")
    (static / "odd.xyz").write_bytes(b"\x00")
    (static / ".secret").write_text("hidden", encoding="utf-8")
    (tmp_path / "outside.css").write_text("secret", encoding="utf-8")
    (static / "link.css").symlink_to(tmp_path / "outside.css")
    static_files: StaticFiles = site_of(("garden", tmp_path)).static
    return static_files


def test_the_address_carries_the_hash_of_the_content(files: StaticFiles) -> None:
    file = files.find("garden/css/a.css")
    assert file is not None
    assert files.url("garden/css/a.css") == f"/static/garden/css/a.css?v={file.version}"
    response = files.response("garden/css/a.css", version=file.version)
    assert response is not None
    assert (response.status, response.body) == (200, b"a{}")
    headers = dict(response.headers)
    assert headers["content-type"] == "text/css; charset=utf-8"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("version", [None, "", "0000000000000000"])
def test_without_the_right_version_browsers_ask_again(
    files: StaticFiles, version: str | None
) -> None:
    response = files.response("garden/css/a.css", version=version)
    assert response is not None
    assert dict(response.headers)["cache-control"] == "public, max-age=0, must-revalidate"


def test_what_the_browser_has_is_not_sent_again(files: StaticFiles) -> None:
    file = files.find("garden/css/a.css")
    assert file is not None
    response = files.response("garden/css/a.css", if_none_match=f'"other", W/{file.etag}')
    assert response is not None
    assert (response.status, response.body) == (304, b"")


def test_an_unknown_kind_is_not_guessed(files: StaticFiles) -> None:
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
        "/garden/css/a.css",
        "garden\\css\\a.css",
        "core/base.css\x00",
        "other/a.css",
    ],
)
def test_nothing_else_is_found(files: StaticFiles, path: str) -> None:
    assert files.response(path) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["garden", "css", "..", ".", "", "a.css", "static"])))
def test_no_path_but_its_own_finds_a_file(files: StaticFiles, parts: list[str]) -> None:
    path = "/".join(parts)
    assert (files.find(path) is not None) == (path == "garden/css/a.css")


def test_a_misspelt_file_is_an_error_with_a_suggestion(files: StaticFiles) -> None:
    with pytest.raises(LookupError, match=r"Did you mean 'garden/css/a\.css'"):
        files.url("garden/css/b.css")
