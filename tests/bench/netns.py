"""Machines of a test: network namespaces, joined by links that can be cut. Linux, as root."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: A network that is meant for tests of this kind (RFC 2544); each link is a /30 of it.
_NETWORK = "198.18"
_CLONE_NEWNET = 0x4000_0000  # sched.h


class Machines:
    """Namespaces that reach one another and nothing else.

    >>> with machines("web", "worker", "database") as net:
    ...     net.address("database", seen_from="web")
    ...     with net.inside("web"):
    ...         process = subprocess.Popen(["program"])
    ...     net.cut("worker")
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._addresses: dict[tuple[str, str], str] = {}

    def namespace(self, name: str) -> str:
        """What the machine is called for ``ip netns``: no other test run uses it."""
        return f"cm{os.getpid()}-{name}"

    def address(self, name: str, seen_from: str) -> str:
        """The IPv4 address of machine ``name`` on its link to ``seen_from``."""
        return self._addresses[name, seen_from]

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Be on that machine: this thread, and processes and threads that it starts meanwhile."""
        with (
            open("/proc/thread-self/ns/net") as here,
            open(f"/run/netns/{self.namespace(name)}") as there,
        ):
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    def cut(self, name: str) -> None:
        """Pull every cable of the machine: what it sends is lost without an error."""
        self._set(name, "down")

    def fix(self, name: str) -> None:
        """Plug them in again."""
        self._set(name, "up")

    def build(self) -> None:
        """Make the namespaces and the links."""
        for name in self._names:
            _run("netns", "add", self.namespace(name))
            _run("-n", self.namespace(name), "link", "set", "lo", "up")
        for number, (one, other) in enumerate(itertools.combinations(self._names, 2)):
            self._link(number, one, other)

    def tear_down(self) -> None:
        """Remove everything that is there; processes must have ended."""
        for name in self._names:
            with contextlib.suppress(subprocess.CalledProcessError):
                _run("netns", "delete", self.namespace(name))

    def _link(self, number: int, one: str, other: str) -> None:
        ends = ((one, other, 4 * number + 1), (other, one, 4 * number + 2))
        here, there = (self.namespace(one), self.namespace(other))
        peer = ("peer", "name", f"to-{one}", "netns", there)
        _run("-n", here, "link", "add", f"to-{other}", "type", "veth", *peer)
        for name, neighbour, host in ends:
            address = f"{_NETWORK}.{os.getpid() % 256}.{host}"
            space, device = self.namespace(name), f"to-{neighbour}"
            _run("-n", space, "address", "add", f"{address}/30", "dev", device)
            _run("-n", space, "link", "set", device, "up")
            self._addresses[name, neighbour] = address

    def _set(self, name: str, state: str) -> None:
        # At the other ends, so that the machine itself finds its address and routes unchanged.
        for other in self._names:
            if other != name:
                _run("-n", self.namespace(other), "link", "set", f"to-{name}", state)


@contextlib.contextmanager
def machines(*names: str) -> Iterator[Machines]:
    """Machines for as long as the block runs."""
    net = Machines(names)
    try:
        net.build()
        yield net
    finally:
        net.tear_down()


def why_not() -> str | None:
    """The reason why there can be no machines here; None where there can."""
    if shutil.which("ip", path=_PATH) is None:
        return "no ip command found; apt-get install iproute2"
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with machines("one", "two"):
            return None
    except subprocess.CalledProcessError as error:
        return f"network namespaces cannot be made: {error.stderr.strip()}"


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _enter(namespace: int) -> None:
    """setns(2), which Python has from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ip() -> str:
    return shutil.which("ip", path=_PATH) or "ip"


def _run(*arguments: str) -> None:
    subprocess.run([_ip(), *arguments], check=True, capture_output=True, text=True)
