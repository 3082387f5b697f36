"""Static files: read into memory at boot, served under a hash of their folder's content."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from changemaker_core.cache import etags
from changemaker_core.text import did_you_mean
from changemaker_core.web.assets.compression import best_encoding, compressed
from changemaker_core.web.folders import files_below, search_folders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from changemaker_core.site import Site

#: Types of what plugins ship. The machine's own table differs from one to the next.
CONTENT_TYPES = {
    ".avif": "image/avif",
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "public, max-age=0, must-revalidate"
#: Before the version in an address: no folder of a plugin begins so.
_MARK: Final = "~"
#: Types that compress well; pictures and fonts are compressed already.
_COMPRESSIBLE: Final = (
    "text/",
    "application/json",
    "application/manifest",
    "application/wasm",
    "image/svg",
)
#: Smaller files fit into one packet either way.
_WORTHWHILE: Final = 500


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it was when the site started; ``digest`` is a hash of ``body``."""

    path: str
    body: bytes
    content_type: str
    digest: str

    @property
    def is_compressible(self) -> bool:
        return self.content_type.startswith(_COMPRESSIBLE) and len(self.body) >= _WORTHWHILE


@dataclass(frozen=True, slots=True)
class StaticResponse:
    """Status, headers and body of the response to a request for a static file."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class StaticFiles:
    """The files of every plugin's ``static/<plugin>/`` folder, by ``<plugin>/<path>``.

    The site folder's ``static/`` comes first, and later plugins' before earlier ones', as with
    templates: a file is overridden by one of the same name. Only names in the index are served,
    so no request can reach another file, however it is written.

    A file's address, ``/static/~<version>/<plugin>/<path>``, has the version of its whole folder:
    a module that imports ``./map.js``, and a style sheet that names ``../logo.png``, name an
    address of the same version. Browsers store such a file for a year.
    """

    def __init__(self, site: Site) -> None:
        self._files: dict[str, StaticFile] = {}
        for folder in search_folders(site, "static").values():
            for path in files_below(folder):
                if path not in self._files:
                    self._files[path] = _static_file(path, folder / path)
        self._versions = _versions(self._files.values())
        self._base = site.config.static_url or ""
        self._compressed: dict[tuple[str, str], bytes] = {}
        self._lock = asyncio.Lock()

    def find(self, path: str) -> StaticFile | None:
        """Return the file at ``petitions/signing.js``, or None."""
        return self._files.get(path)

    def url(self, path: str, root_path: str = "") -> str:
        """Return the address of a file, below the mount prefix or at ``static_url``.

        Raises :class:`LookupError` for a file that is not there: a template's mistake.
        """
        if path not in self._files:
            raise LookupError(f"No static file {path!r}.{did_you_mean(path, self._files)}")
        return f"{self._base or root_path}/static/{self._versioned(path)}"

    def moved(self, address: str) -> str | None:
        """Return where the file of an outdated address is now, relative to that address.

        ``None`` for an address that is up to date, has no version, or whose file is gone.
        """
        version, path = _parted(address)
        if version is None or path not in self._files or version == self._version(path):
            return None
        # Relative, so that it is right under any mount prefix and on any host.
        return "../" * (path.count("/") + 1) + self._versioned(path)

    async def response(
        self, address: str, *, if_none_match: str | None = None, accept_encoding: str = ""
    ) -> StaticResponse | None:
        """Return the response to a GET; None where there is no such file.

        ``address`` is what follows ``/static/``. Browsers store a file with the right version for
        a year, and revalidate any other.
        """
        version, path = _parted(address)
        file = self._files.get(path)
        if file is None:
            return None
        encoding, body = await self._encoded(file, accept_encoding)
        etag = f'"{file.digest}{"-" + encoding if encoding else ""}"'
        current = version is not None and version == self._version(path)
        headers = [
            ("content-type", file.content_type),
            ("cache-control", IMMUTABLE if current else REVALIDATE),
            ("etag", etag),
            ("x-content-type-options", "nosniff"),
        ]
        if file.is_compressible:
            headers.append(("vary", "Accept-Encoding"))
        if self._base:  # fonts and modules of another origin
            headers.append(("access-control-allow-origin", "*"))
        if if_none_match is not None and etags.names(if_none_match, etag):
            return StaticResponse(304, tuple(headers[1:]), b"")
        if encoding:
            headers.append(("content-encoding", encoding))
        return StaticResponse(200, tuple(headers), body)

    async def _encoded(self, file: StaticFile, accept_encoding: str) -> tuple[str, bytes]:
        """Return the encoding to send a file in, ``""`` for none, and its bytes.

        A file is compressed once, when it is first asked for, on a thread.
        """
        encoding = best_encoding(accept_encoding) if file.is_compressible else ""
        if not encoding:
            return "", file.body
        key = (file.path, encoding)
        if key not in self._compressed:
            async with self._lock:
                if key not in self._compressed:
                    self._compressed[key] = await asyncio.to_thread(compressed, file.body, encoding)
        body = self._compressed[key]
        return (encoding, body) if len(body) < len(file.body) else ("", file.body)

    def _versioned(self, path: str) -> str:
        return f"{_MARK}{self._version(path)}/{path}"

    def _version(self, path: str) -> str:
        return self._versions[path.partition("/")[0]]


def _parted(address: str) -> tuple[str | None, str]:
    """Return the version in an address, if it has one, and the file's path."""
    if not address.startswith(_MARK):
        return None, address
    version, _, path = address[len(_MARK) :].partition("/")
    return version, path


def _versions(files: Iterable[StaticFile]) -> dict[str, str]:
    """Return a hash of each folder's content, by its name."""
    hashes: defaultdict[str, Any] = defaultdict(hashlib.sha256)
    for file in sorted(files, key=lambda each: each.path):
        hashes[file.path.partition("/")[0]].update(f"{file.path}\0{file.digest}\n".encode())
    return {name: each.hexdigest()[:16] for name, each in hashes.items()}


def _static_file(path: str, file: Path) -> StaticFile:
    body = file.read_bytes()
    content_type = CONTENT_TYPES.get(file.suffix.lower(), "application/octet-stream")
    return StaticFile(path, body, content_type, hashlib.sha256(body).hexdigest()[:16])
