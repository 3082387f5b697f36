"""An archive comes back as it was written, and one that was tampered with does nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.backups import reading, targets, writing
from changemaker_core.backups.databases import postgresql
from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.manifest import MANIFEST, SUMS, DatabaseFacts, Manifest, encode
from changemaker_core.backups.reading import unpack
from changemaker_core.config import Config

FACTS = DatabaseFacts(dialect="sqlite", version="3", rows={}, migrations={})
MADE = Manifest(
    format=1,
    made_at=datetime(2026, 11, 29, tzinfo=UTC),
    base_url="https://act.example.org",
    folder="/srv/site",
    core_version="0.1.0",
    plugins=[],
    database=FACTS,
    elsewhere={},
    entries=5,
    bytes=10_000,
)


def ignore(*_: int) -> None:
    """Report no progress."""


# Names and contents

_NAMES = (
    st.binary(min_size=1, max_size=200)
    .map(os.fsdecode)
    .filter(lambda name: not {"/", "\0", "\n", "\r"} & set(name) and name not in (".", ".."))
)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(_NAMES, st.binary(max_size=3000), max_size=4), st.booleans())
def test_files_come_back_whatever_they_are_called(files, compressed):
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch, "source"), Path(scratch, "target")
        source.mkdir()
        target.mkdir()
        stream = io.BytesIO()
        with writing.ArchiveWriter(stream, compressed=compressed, on_bytes=ignore) as archive:
            archive.add_bytes(MANIFEST, encode(msgspec.structs.replace(MADE, bytes=100_000)))
            for name, content in files.items():
                (source / name).write_bytes(content)
                archive.add_file(f"site/{name}", source / name)
        stream.seek(0)
        unpack(stream, target, ignore)
        found = {p.name: p.read_bytes() for p in target.glob("site/*")}
    assert found == files


# Archives that somebody changed


def _archive(
    *added: tuple[tarfile.TarInfo, bytes], manifest: Manifest = MADE, unlisted: str = ""
) -> bytes:
    """An archive whose hashes are right, with any entries; but one may be ``unlisted``."""
    stream = io.BytesIO()
    sums = []
    with tarfile.open(fileobj=stream, mode="w") as tar:
        first = (tarfile.TarInfo(MANIFEST), encode(manifest))
        for info, content in (first, *added):
            if info.isreg():
                info.size = len(content)
            if info.isreg() and info.name != unlisted:
                sums.append(f"{hashlib.sha256(content).hexdigest()}  {info.name}\n")
            tar.addfile(info, io.BytesIO(content))
        listed = tarfile.TarInfo(SUMS)
        listed.size = len("".join(sums))
        tar.addfile(listed, io.BytesIO("".join(sums).encode()))
    return stream.getvalue()


def _file(name: str, content: bytes = b"x", **changes: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for attribute, value in changes.items():
        setattr(info, attribute, value)
    return info, content


def _link(name: str, to: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return _file(name, b"", type=kind, linkname=to)


def _headers(size: int, times: int) -> bytes:
    """An archive that ends in ``times`` headers of a size, each of which is of the next."""
    text = encode(MADE)
    first, header = tarfile.TarInfo(MANIFEST), tarfile.TarInfo("site/a")
    first.size, header.size, header.type = len(text), size, tarfile.XHDTYPE
    padding = bytes(-len(text) % tarfile.BLOCKSIZE)
    return first.tobuf() + text + padding + (header.tobuf() + bytes(size)) * times


def _pax(headers: dict[str, str]) -> bytes:
    """An archive with a file that has further headers."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        first, other = tarfile.TarInfo(MANIFEST), tarfile.TarInfo("site/a")
        first.size, other.size, other.pax_headers = len(encode(MADE)), 9, headers
        tar.addfile(first, io.BytesIO(encode(MADE)))
        tar.addfile(other, io.BytesIO(bytes(9)))
    return stream.getvalue()


WHOLE = _archive(_file("site/a", b"one" * 500), _file("site/b", b"two"))
HOSTILE: dict[str, tuple[bytes, str]] = {
    "a name that leads out": (_archive(_file("site/../../out")), "which no backup has"),
    "a whole path": (_archive(_file("/etc/out")), "which no backup has"),
    "a whole path inside": (_archive(_file("site//etc/out")), "which no backup has"),
    "a file beside the site": (_archive(_file("out")), "which no backup has"),
    "one elsewhere that is not listed": (_archive(_file("elsewhere/etc/x")), "no backup has"),
    "a symbolic link": (
        _archive(_link("site/a", "/etc", tarfile.SYMTYPE), _file("site/a/out")),
        "link or device",
    ),
    "a hard link": (_archive(_link("site/a", "/etc/passwd", tarfile.LNKTYPE)), "link or device"),
    "a device": (_archive(_file("site/a", b"", type=tarfile.BLKTYPE)), "link or device"),
    "a pipe": (_archive(_file("site/a", b"", type=tarfile.FIFOTYPE)), "link or device"),
    "a sparse file": (
        _archive(_file("site/a", b"x" * 512, type=tarfile.GNUTYPE_SPARSE)),
        "contains the file 'site/a', which no backup has",
    ),
    "a sparse file of another kind": (
        _pax({"GNU.sparse.map": "0,9", "GNU.sparse.size": "9"}),
        "which no backup has",
    ),
    "a sparse file with words": (_pax({"GNU.sparse.map": "a,b"}), "damaged"),
    "a time that is none": (_pax({"mtime": "nan"}), "damaged"),
    "a time after all time": (_pax({"mtime": "1e30"}), "damaged"),
    "a header of a header of a header": (_headers(0, 3000), "damaged"),
    "a file twice": (_archive(_file("site/a"), _file("site/a", b"y")), "twice"),
    "more bytes than it says": (
        _archive(_file("site/a", b"\0" * 3_000_000), manifest=MADE),
        "is too large",
    ),
    "more entries than it says": (_archive(*(_file(f"site/{n}") for n in range(6))), "has more"),
    "a header of 200 MB": (gzip.compress(_headers(200_000_000, 1)), "a header that no backup has"),
    "a byte changed": (WHOLE.replace(b"oneone", b"oneOne", 1), "1 of its files"),
    "a name changed": (WHOLE.replace(b"site/b", b"site/c", 1), "not complete"),
    "a file added": (
        _archive(_file("site/a"), _file("site/b"), unlisted="site/b"),
        "1 of its files are not those that were backed up, such as site/b",
    ),
    "cut off": (WHOLE[:2048], "not complete"),
    "cut off and compressed": (gzip.compress(WHOLE)[:-100], "not complete"),
    "no archive": (b"hello" * 1000, "damaged or not complete"),
    "an archive of something else": (_archive()[1024:] + bytes(1024), "manifest.json"),
    "nothing": (b"", "damaged or not complete"),
    "a later format": (_archive(manifest=msgspec.structs.replace(MADE, format=2)), "Upgrade"),
}


@pytest.mark.parametrize(("archive", "said"), HOSTILE.values(), ids=HOSTILE)
def test_an_archive_that_was_changed_is_refused_and_leads_nowhere(
    archive, said, tmp_path, monkeypatch
):
    monkeypatch.setattr(reading, "GROWTH", 1_000_000)
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(BackupError, match=said):
        unpack(io.BytesIO(archive), into, ignore)
    assert [path.name for path in tmp_path.iterdir()] == ["into"]
    for path in into.rglob("*"):
        assert path.is_dir() or path.is_file()
        assert not path.is_symlink()
        assert path.stat().st_nlink == 1 or path.is_dir()


def test_no_more_is_unpacked_than_the_disk_has_room_for(tmp_path, monkeypatch):
    few = shutil._ntuple_diskusage(2**40, 2**40, reading._RESERVE + 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: few)
    with pytest.raises(BackupError, match=r"no space left .* has 1,500 bytes, and"):
        unpack(io.BytesIO(WHOLE), tmp_path, ignore)


def test_a_file_that_grows_meanwhile_makes_no_archive_that_a_restore_refuses(tmp_path, monkeypatch):
    for module in (reading, writing):
        monkeypatch.setattr(module, "GROWTH", 1000)
    log, small, picture = (tmp_path / name for name in ("log", "small", "picture"))
    counted = {}
    for path in (log, small, picture):
        path.write_bytes(b"1" * 500)
        counted[path] = path.stat()
    with log.open("ab") as file:
        file.write(b"2" * 5000)
    with small.open("ab") as file:
        file.write(b"2" * 900)
    stream = io.BytesIO()
    with writing.ArchiveWriter(stream, compressed=False, on_bytes=ignore) as archive:
        archive.add_bytes(MANIFEST, encode(msgspec.structs.replace(MADE, bytes=1500)))
        for path in (log, small, picture):
            archive.add_file(f"site/{path.name}", path, counted[path])
        (tmp_path / "new").write_bytes(b"3" * 601)
        (tmp_path / "new").replace(picture)
        with pytest.raises(BackupError, match="picture was replaced by a much larger file"):
            archive.add_file("site/again", picture, counted[picture])
    stream.seek(0)
    into = tmp_path / "into"
    into.mkdir()
    unpack(stream, into, ignore)
    sizes = {path.name: path.stat().st_size for path in into.glob("site/*")}
    assert sizes == {"log": 500, "small": 1400, "picture": 500}


def test_modes_are_kept_without_what_would_be_dangerous(tmp_path):
    archive = _archive(_file("site/run.sh", mode=0o6777), _file("site/key", mode=0o000))
    unpack(io.BytesIO(archive), tmp_path, ignore)
    modes = {p.name: p.stat().st_mode & 0o7777 for p in (tmp_path / "site").iterdir()}
    assert modes == {"run.sh": 0o755, "key": 0o600}


# Names of backups


def test_rotation_deletes_the_oldest_of_this_site_alone(tmp_path):
    config = Config.for_tests(tmp_path, base_url="https://act.example.org")
    other = Config.for_tests(tmp_path, base_url="https://act.example.org.au")
    times = ["20261127T000000Z", "20261128T000000Z", "20261129T000000Z"]
    own = [tmp_path / f"{targets.prefix_of(config)}{each}.tar.gz" for each in times]
    kept = [
        tmp_path / f"{targets.prefix_of(other)}{times[0]}.tar.gz",
        tmp_path / f"{targets.prefix_of(config)}{times[0]}.tar.gz.gpg",
        tmp_path / f"{targets.prefix_of(config)}by-hand.tar.gz",
    ]
    for path in (*own, *kept):
        path.touch()
    assert targets.rotate(tmp_path, config, 5, own[2]) == []
    assert targets.rotate(tmp_path, config, 2, own[2]) == own[:1]
    assert sorted(tmp_path.iterdir()) == sorted([*own[1:], *kept])
    with pytest.raises(BackupError, match="several sites"):
        targets.newest(tmp_path)
    kept[0].unlink()
    assert targets.newest(tmp_path) == own[-1]
    # The clock was ahead when the other was made.
    assert targets.rotate(tmp_path, config, 1, own[1]) == own[2:]
    assert targets.rotate(tmp_path, config, 1, own[1]) == []


# PostgreSQL's programs


def test_no_password_is_on_a_command_line():
    url = "postgresql://me:s3cret@db.example.org/site?sslmode=require"
    written = postgresql._without_password(url)
    assert "s3cret" not in written
    assert "sslmode=require" in written
    assert postgresql._environment(url)["PGPASSWORD"] == "s3cret"
    with pytest.raises(BackupError, match="sslpassword"):
        postgresql._without_password(f"{url}&sslpassword=x")


def test_the_program_of_the_servers_own_version_is_used(tmp_path, monkeypatch):
    def make(folder: str, version: int) -> None:
        path = tmp_path / folder / "pg_dump"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}.2 (Debian)'\n")
        path.chmod(0o755)

    def find(server: int) -> list[str]:
        found = postgresql.find_programs("pg_dump", server)
        return [str(Path(path).relative_to(tmp_path)) for path in found]

    monkeypatch.setattr(postgresql, "_DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    with pytest.raises(BackupError, match=r"not installed.*\n.*postgresql-client-17"):
        find(17)
    make("path", 15)
    with pytest.raises(BackupError, match="is of version 15, and the server is PostgreSQL 17"):
        find(17)
    make("debian/17/bin", 17)
    assert find(17) == ["debian/17/bin/pg_dump"]
    make("debian/16/bin", 16)
    assert find(15) == ["path/pg_dump", "debian/16/bin/pg_dump"]
    assert find(14) == ["path/pg_dump", "debian/16/bin/pg_dump"]
    make("path", 18)
    assert find(17) == ["debian/17/bin/pg_dump", "path/pg_dump"]
    (tmp_path / "debian/16/bin/pg_dump").unlink()
    with pytest.raises(BackupError, match=r"restored to servers older than 17.*\n.*client-15"):
        find(15)


def test_a_server_that_hangs_ends_the_backup(monkeypatch):
    monkeypatch.setattr(postgresql, "SILENT_SECONDS", 0.05)
    url = "postgresql://localhost/site"
    with (
        pytest.raises(BackupError, match="has sent nothing for"),
        postgresql._running(["sh", "-c", "sleep 60"], url, out=False) as dump,
    ):
        postgresql._read(dump)
    with (
        pytest.raises(BackupError, match="sh ended with status 3: no such table"),
        postgresql._running(["sh", "-c", "echo no such table >&2; exit 3"], url),
    ):
        pass
