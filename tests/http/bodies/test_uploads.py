"""Files in forms: limits by field, storage that leaves nothing behind, and their description."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from changemaker_core import Body, Upload
from changemaker_core.http import openapi
from changemaker_core.http.bodies import uploads
from tests.http.bodies.conftest import MEBIBYTE
from tests.http.bodies.test_multipart import TYPE, encoded, field, file

pytestmark = pytest.mark.database("sqlite")

PNG = ("cover.png", b"\x89PNG" + b"x" * 1000, "image/png")


async def test_a_file_comes_with_its_form(client):
    files = [("poster", PNG), ("more", ("b.txt", b"b", "text/plain")), ("more", ("c", b"c", ""))]
    data = {"title": " Picnic ", "tags": ["a", "b"], "public": "on", "unknown": "x"}
    response = await client.post("/api/posters", files=files, data=data)
    assert response.json() == {
        "name": "cover.png",
        "type": "image/png",
        "size": 1004,
        "sha256": hashlib.sha256(PNG[1]).hexdigest(),
        "more": ["b.txt", "c"],
        "tags": ["a", "b"],
        "public": True,
    }


@pytest.mark.parametrize("size", [uploads.IN_MEMORY, uploads.IN_MEMORY + 1, 2 * MEBIBYTE])
async def test_a_file_is_removed_with_the_response(client, app, posters_seen, size):
    content = b"y" * size
    files = {"poster": ("p.bin", content, "application/octet-stream")}
    response = await client.post("/api/posters", files=files, data={"title": "A"})
    assert response.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert posters_seen[0].file.closed
    assert list(app.site.run_folder.iterdir()) == []


@pytest.mark.parametrize("name", ["poster", "ignored"])
async def test_a_missing_file_is_an_error_of_its_field(client, name):
    """Browsers send an empty file without a name where none was chosen."""
    body = encoded(field("title", b"Picnic"), file(name, "", b"", "application/octet-stream"))
    response = await client.post("/api/posters", content=body, headers={"Content-Type": TYPE})
    assert response.json() == {
        "errors": {"poster": ["This field is required."]},
        "data": {"title": "Picnic"},
    }


async def test_a_file_that_is_too_large_is_an_error_of_its_field(client, app):
    files = {"poster": ("p.bin", b"y" * (2 * MEBIBYTE + 1), "image/png")}
    response = await client.post("/api/posters", files=files, data={"title": "Picnic"})
    message = "This file is too large: at most 2.1\N{NO-BREAK SPACE}MB."
    assert response.json()["errors"] == {"poster": [message]}
    french = await client.post(
        "/api/posters", files=files, data={"title": "P"}, headers={"Accept-Language": "fr"}
    )
    assert "trop volumineux" in french.json()["errors"]["poster"][0]


async def test_text_in_the_place_of_a_file_is_an_error_of_its_field(client):
    files = {"other": ("x", b"x", "text/plain")}
    data = {"title": "Picnic", "poster": "text"}
    response = await client.post("/api/posters", files=files, data=data)
    assert response.json()["errors"] == {"poster": ["Choose a file."]}


async def test_a_whole_form_over_the_limit_is_refused(client):
    files = {"poster": ("p.bin", b"y" * (7 * MEBIBYTE), "image/png")}
    assert (await client.post("/api/posters", files=files)).status_code == 413


async def test_a_form_with_files_is_multipart(client):
    response = await client.post("/api/posters", data={"title": "Picnic"})
    assert response.status_code == 415
    assert "multipart/form-data" in response.json()["detail"]


async def test_a_full_disk_is_a_503_and_leaves_nothing(client, app, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", full)
    response = await client.post("/api/posters", files={"poster": PNG}, data={"title": "A"})
    assert (response.status_code, response.json()["code"]) == (503, "storage_full")
    assert list(app.site.run_folder.iterdir()) == []


async def test_a_file_that_breaks_off_is_not_kept(app, client, posters_seen):
    form = httpx.Request("POST", "http://x/", files={"poster": PNG}, data={"title": "A"})
    body = form.read()[:-200]
    headers = {"Content-Type": form.headers["content-type"]}
    response = await client.post("/api/posters", content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "malformed_multipart")
    assert posters_seen == []


async def test_saving_writes_the_whole_file_or_none(tmp_path, monkeypatch):
    upload = Upload("a", "text/plain", tempfile.TemporaryFile(), 3)
    upload.file.write(b"abc")
    target = tmp_path / "kept"
    await upload.save(target)
    assert (target.read_bytes(), await upload.read()) == (b"abc", b"abc")

    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Exception, match="503 storage_full"):
        await upload.save(tmp_path / "other")
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]
    upload.close()


async def test_saving_deletes_what_a_killed_process_left(tmp_path):
    for name, age in ((".upload-dead", 2 * uploads.ABANDONED_SECONDS), (".upload-alive", 60)):
        (tmp_path / name).write_bytes(b"half")
        at = time.time() - age
        os.utime(tmp_path / name, (at, at))
    with tempfile.TemporaryFile() as file:
        await Upload("a", "text/plain", file, 0).save(tmp_path / "kept")
    assert sorted(each.name for each in tmp_path.iterdir()) == [".upload-alive", "kept"]


def test_the_api_document_describes_streams_and_files(app):
    paths = openapi.describe(app.site)["paths"]
    put = paths["/api/stored"]["put"]
    assert put["requestBody"]["content"] == {"application/octet-stream": {"schema": {}}}
    assert {"408", "413", "415"} <= put["responses"].keys()
    described = openapi.describe(app.site)["components"]["schemas"]["Poster"]["properties"]
    assert list(paths["/api/posters"]["post"]["requestBody"]["content"]) == ["multipart/form-data"]
    assert described["poster"] == {"type": "string", "format": "binary"}
    assert described["more"]["items"] == {"type": "string", "format": "binary"}


def test_a_file_is_no_part_of_a_json_body():
    class Wrong(Body):
        poster: Upload

    assert uploads.upload_fields(Wrong) == {"poster": None}
