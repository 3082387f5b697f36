"""Static files: read into memory at boot, served under the hash of their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.text import did_you_mean
from changemaker_core.web.folders import files_below, search_folders

if TYPE_CHECKING:
    from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it was when the site started; ``version`` is a hash of ``body``."""

    path: str
    body: bytes
    content_type: str
    version: str

    @property
    def etag(self) -> str:
        return f'"{self.version}"'


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
    """

    def __init__(self, site: Site) -> None:
        self._files: dict[str, StaticFile] = {}
        for folder in search_folders(site, "static").values():
            for path in files_below(folder):
                if path not in self._files:
                    self._files[path] = _static_file(path, folder / path)

    def find(self, path: str) -> StaticFile | None:
        """Return the file at ``petitions/signing.js``, or None."""
        return self._files.get(path)

    def url(self, path: str) -> str:
        """Return the address of a file, which changes with its content.

        Raises :class:`LookupError` for a file that is not there: a template's mistake.
        """
        file = self._files.get(path)
        if file is None:
            raise LookupError(f"No static file {path!r}.{did_you_mean(path, self._files)}")
        return f"/static/{path}?v={file.version}"

    def response(
        self, path: str, *, version: str | None = None, if_none_match: str | None = None
    ) -> StaticResponse | None:
        """Return the response to a GET; None where there is no such file.

        Browsers store a file with the right ``version`` for a year, and revalidate any other.
        """
        file = self._files.get(path)
        if file is None:
            return None
        headers = (
            ("content-type", file.content_type),
            ("cache-control", IMMUTABLE if version == file.version else REVALIDATE),
            ("etag", file.etag),
            ("x-content-type-options", "nosniff"),
        )
        if if_none_match is not None and file.etag in if_none_match:
            return StaticResponse(304, headers[1:], b"")
        return StaticResponse(200, headers, file.body)


def _static_file(path: str, file: Path) -> StaticFile:
    body = file.read_bytes()
    content_type = CONTENT_TYPES.get(file.suffix.lower(), "application/octet-stream")
    return StaticFile(path, body, content_type, hashlib.sha256(body).hexdigest()[:16])
