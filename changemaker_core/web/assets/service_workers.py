"""Service workers: scripts that keep pages working without a network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from changemaker_core.plugin.contributions import Claim, Kind
from changemaker_core.text import did_you_mean
from changemaker_core.web.addresses import path_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from changemaker_core.web.assets.static import StaticFiles


@dataclass(frozen=True, slots=True)
class ServiceWorker:
    """``ServiceWorker("pocket.offline", "/pocket", "pocket/worker.js", ("core/base.css",))``

    ``scope`` is the beginning of the paths whose pages it serves; ``script`` a static file, and
    ``precache`` static files that it stores when it is installed. The script finds their addresses,
    and a version that changes with any of them, in ``self.precache``: ``{version, urls, scope}``.
    The name begins with the plugin's.
    """

    name: str
    scope: str
    script: str
    precache: tuple[str, ...] = ()


def _claims(worker: ServiceWorker, plugin: str) -> Iterator[Claim]:
    yield Claim("service worker", worker.name, prefix=f"{plugin}.")
    yield Claim("scope of a service worker", worker.scope)


SERVICE_WORKERS: Kind[ServiceWorker] = Kind(
    "cm_register_service_workers",
    ServiceWorker,
    _claims,
    lambda worker: path_problems(worker.scope),
)


class ServiceWorkers:
    """The service workers of a site."""

    def __init__(self, workers: Iterable[ServiceWorker], static: StaticFiles) -> None:
        self._workers: Mapping[str, ServiceWorker] = {each.name: each for each in workers}
        self._static = static

    def find(self, name: str) -> ServiceWorker | None:
        """Return the worker of this name."""
        return self._workers.get(name)

    def script(self, worker: ServiceWorker, root_path: str) -> bytes:
        """Return a worker's script, which begins with what it stores.

        Browsers install it anew when a byte of it differs: when a file has another version.
        """
        file = self._static.find(worker.script)
        if file is None:
            raise LookupError(f"There is no static file {worker.script!r}.")
        urls = [self._static.url(path, root_path) for path in worker.precache]
        version = hashlib.sha256("\n".join([file.digest, *urls]).encode()).hexdigest()[:16]
        precache = {
            "version": f"{worker.name}-{version}",
            "urls": urls,
            "scope": root_path + worker.scope,
        }
        return f"self.precache = {json.dumps(precache)};\n".encode() + file.body

    def markup(self, name: str, root_path: str) -> Markup:
        """Return the script element that registers a worker.

        Raises ``LookupError`` for a name that no plugin has: a template's mistake.
        """
        worker = self._workers.get(name)
        if worker is None:
            known = did_you_mean(name, self._workers)
            raise LookupError(f"There is no service worker {name!r}.{known}")
        element = Markup('<script src="{}" data-worker="{}" data-scope="{}" defer></script>')
        return element.format(
            self._static.url("core/service-worker.js", root_path),
            f"{root_path}/service-workers/{name}",
            root_path + worker.scope,
        )
