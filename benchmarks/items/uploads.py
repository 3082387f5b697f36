"""A large file, streamed to the disk: as the body itself, and in a form."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import sys
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks import building, machine, places, servers
from benchmarks.checks import Wrong
from benchmarks.contenders import Contender, Running, node
from benchmarks.items.item import Bench, Item
from benchmarks.results import Measurement
from benchmarks.rounds import Meter
from benchmarks.servers import DidNotStart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.results import Result

MEBIBYTE = 1024 * 1024
SIZE, SIZE_QUICK = 1024 * MEBIBYTE, 256 * MEBIBYTE
RAW, FORM = "upload-raw", "upload-form"
TITLES = {RAW: "Upload of 1 GiB as the body", FORM: "Upload of 1 GiB in a form"}
NOTE = (
    "Each server writes the file to the disk as it arrives, without flushing it. Changemaker is a "
    "site with one plugin, accounts, limits, metrics and access log."
)
OURS = Contender(
    name="Changemaker",
    dialect="sqlite",
    command=(sys.executable, "-m", "benchmarks.upload_site", "{site}"),
    folder=places.ROOT,
)
FASTIFY = node("fastify-multipart", "Fastify 5 + @fastify/multipart (busboy)", "sqlite")
_BOUNDARY = "----changemaker-benchmark"
_FIELD = 'Content-Disposition: form-data; name="file"; filename="file.bin"'
_PIECE = os.urandom(MEBIBYTE)


def upload(bench: Bench, name: str) -> Result:
    """Both servers in turn, round after round; the first upload is compared byte by byte."""
    result = bench.result(name, TITLES[name], main="MB/s")
    size = SIZE_QUICK if bench.effort.quick else SIZE
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {machine.cores()[1]})
    try:
        with contextlib.ExitStack() as stack:
            running = [*_running(bench, stack)]
            measurements = [Measurement(name=one.contender.name, series={}) for one in running]
            pairs = [*zip(running, measurements, strict=True)]
            for number in range(-1, bench.effort.rounds):
                for one, measurement in pairs[:: 1 if number % 2 == 0 else -1]:
                    if number < 0:
                        _check(one, name)
                    else:
                        _round(bench, one, measurement, name, size)
            result.measurements = measurements
            for one in running:
                one.server.go_on()
    finally:
        os.sched_setaffinity(0, before)
    result.aim(OURS.name, FASTIFY.name, 1.0, "Fastify + busboy", "MB/s")
    result.notes.append(NOTE)
    return result


def _running(bench: Bench, stack: contextlib.ExitStack) -> Iterator[Running]:
    """Start each server, and stop it until its turn."""
    for contender in (OURS, FASTIFY):
        if contender.needs and not building.built(contender.needs):
            bench.missing[contender.name] = "not installed"
            continue
        folder = places.made("sites", "uploads")
        shutil.rmtree(folder)
        folder.mkdir()
        command = [word.replace("{site}", str(folder)) for word in contender.command]
        environment = {"TARGET": str(_target(contender))}
        started = servers.running(
            f"{contender.name} uploads", command, environment, probe="/upload", cwd=contender.folder
        )
        try:
            one = Running(contender, stack.enter_context(started), rows=[])
        except DidNotStart as problem:
            bench.missing[contender.name] = str(problem)
            continue
        one.server.pause()
        yield one


def _target(contender: Contender) -> Path:
    return places.made("uploads") / ("ours" if contender is OURS else "peer")


def _check(one: Running, name: str) -> None:
    """Compare what a server stores with what was sent; this warms it up as well."""
    one.server.go_on()
    _send(one, name, 64 * MEBIBYTE)
    one.server.pause()
    expected = hashlib.sha256()
    for _ in range(64):
        expected.update(_PIECE)
    with _target(one.contender).open("rb") as stored:
        if hashlib.file_digest(stored, "sha256").digest() != expected.digest():
            raise Wrong(f"{one.contender.name}: the file is not the one that was sent")


def _round(bench: Bench, one: Running, measurement: Measurement, name: str, size: int) -> None:
    _target(one.contender).unlink(missing_ok=True)
    quiet = machine.wait_until_quiet(bench.effort.patience)
    one.server.go_on()
    meter = Meter(one)
    began = time.perf_counter()
    _send(one, name, size)
    seconds = time.perf_counter() - began
    cpu, strangers = meter.read()
    memory = one.server.memory()
    one.server.pause()
    measurement.noisy_rounds += not quiet or strangers / seconds > machine.QUIET
    for series, value in {
        "MB/s": size / seconds / 1e6,
        "CPU ms/MB": cpu * 1e3 / (size / 1e6),
        "RSS MB": memory.largest,
    }.items():
        measurement.series.setdefault(series, []).append(value)


def _send(one: Running, name: str, size: int) -> None:
    """Upload ``size`` bytes. Raises ``Wrong`` where they are not all stored."""
    method, kind, before, after = "PUT", "application/octet-stream", b"", b""
    if name == FORM:
        method, kind = "POST", f"multipart/form-data; boundary={_BOUNDARY}"
        before = f"--{_BOUNDARY}\r\n{_FIELD}\r\n\r\n".encode()
        after = f"\r\n--{_BOUNDARY}--\r\n".encode()
    parts = urlsplit(one.server.address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
    with contextlib.closing(connection):
        connection.putrequest(method, "/upload")
        connection.putheader("Content-Type", kind)
        connection.putheader("Content-Length", str(len(before) + size + len(after)))
        connection.endheaders()
        connection.send(before)
        for _ in range(size // MEBIBYTE):
            connection.send(_PIECE)
        connection.send(after)
        response = connection.getresponse()
        body = response.read()
    if response.status != 200 or json.loads(body) != {"size": size}:
        raise Wrong(f"{one.contender.name}: {response.status} {body[:200]!r} for {size} bytes")


ITEMS = tuple(Item(name, title, partial(upload, name=name)) for name, title in TITLES.items())
