"""An empty Debian: a root of debootstrap, in namespaces of its own, which end with their init."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

SUITE = "trixie"
#: What every Debian machine has, and a root of debootstrap lacks.
BASE_PACKAGES = ("systemd", "procps", "iproute2")
_CERTIFICATES = "/root/certificates.pem"
_SHIM = Path(__file__).with_name("systemctl")
_INIT = """
mount --make-rprivate /
mount -t overlay -o lowerdir={base},upperdir={changes},workdir={work} machine {root}
mount --rbind /dev {root}/dev
cp --dereference /etc/resolv.conf {root}/etc/resolv.conf
mount -t proc proc {root}/proc
ip link set lo up
exec chroot {root} /usr/bin/sleep infinity
"""


def make_base(folder: Path) -> None:
    """Make the root that all machines begin with, unless it is there already."""
    if (folder / "complete").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    include = f"--include={','.join(BASE_PACKAGES)}"
    command = ["debootstrap", "--variant=minbase", include, SUITE, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    policy = folder / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # packages start nothing: there is no systemd
    policy.chmod(0o755)
    (folder / "complete").touch()


class Machine:
    """A machine whose changes are in ``folder``, and gone with it. Linux, as root.

    Programs reach only one another; those of ``run(…, network=True)`` reach the network too.
    """

    def __init__(self, base: Path, folder: Path) -> None:
        self._folder = folder
        self.root, changes, work = (folder / name for name in ("root", "changes", "work"))
        for path in (self.root, changes, work):
            path.mkdir(parents=True)
        script = _INIT.format(base=base, changes=changes, work=work, root=self.root)
        namespaces = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
        self._directory = "/root"  # where a shell of root begins, and other accounts cannot look
        self._outer = subprocess.Popen([*namespaces, "sh", "-euc", script])
        self._init = self._wait_for_init()
        # Where a proxy stands before the package index, this machine knows its certificate.
        self._has_certificates = "PIP_CERT" in os.environ
        if self._has_certificates:
            self.put(Path(os.environ["PIP_CERT"]), _CERTIFICATES)

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._outer.kill()  # its namespaces end, and all their processes
        self._outer.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait_for_init(self) -> int:
        pid, deadline = self._outer.pid, time.monotonic() + 30
        children = Path(f"/proc/{pid}/task/{pid}/children")
        while time.monotonic() < deadline:
            for child in children.read_text().split() if children.exists() else ():
                if Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"/usr/bin/sleep"):
                    return int(child)
            time.sleep(0.1)
        raise TimeoutError("the machine does not start")

    def run(self, commands: str, *, network: bool = False) -> str:
        """Run commands as root, in one shell with those before, and return what they print.

        Raises ``CalledProcessError`` at the first one that fails.
        """
        enter = ["nsenter", f"--target={self._init}", "--mount", "--pid", "--root", "--wdns=/"]
        enter += [] if network else ["--net"]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        variables = {"PATH": path, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            [*enter, "/bin/bash", "-euxo", "pipefail", "-c", f"cd {self._directory}\n{commands}"],
            env=variables | ({"PIP_CERT": _CERTIFICATES} if self._has_certificates else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, commands, done.stdout)
        for directory in re.findall(r"^cd (\S+)$", commands, re.MULTILINE):
            self._directory = directory
        return done.stdout

    def put(self, source: Path, target: str) -> None:
        """Copy a file or a folder to this absolute path of the machine."""
        inside = Path(f"/proc/{self._init}/root{target}")
        inside.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.rmtree(inside, ignore_errors=True)
            shutil.copytree(source, inside)
        else:
            shutil.copy(source, inside)

    def install_shim(self) -> None:
        """Put in place what stands for systemctl."""
        self.put(_SHIM, "/usr/local/bin/systemctl")
        self.run("chmod 755 /usr/local/bin/systemctl")
