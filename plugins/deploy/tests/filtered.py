"""Run a command under the system-call filter of a systemd unit, as systemd would.

    python filtered.py UNIT COMMAND [ARGUMENT…]

Groups such as ``@resources`` are expanded by ``systemd-analyze``; libseccomp, which systemd uses
too, applies the filter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000  # <seccomp.h>


def expanded(name):
    """The system calls that a name or a group of a unit stands for."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
    )
    members = [line.strip() for line in listed.stdout.splitlines()[1:]]
    return set().union(*(expanded(each) for each in members if each and each[0] != "#"))


def allowed_by(unit):
    """The system calls that a unit, whose first filter is a list of allowed ones, allows."""
    allowed = {"execve"}  # allowed by systemd without being listed
    for rule in re.findall(r"^SystemCallFilter=(.+)$", unit, re.MULTILINE):
        named = set().union(*(expanded(each) for each in rule.lstrip("~").split()))
        allowed = allowed - named if rule.startswith("~") else allowed | named
    return allowed


def apply(allowed):
    """Let every other system call of this process and of its children fail with EPERM."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_ERRNO | errno.EPERM))
    for name in allowed:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # negative: of another architecture
            assert seccomp.seccomp_rule_add(context, _ALLOW, number, 0) == 0, name
    assert seccomp.seccomp_load(context) == 0


if __name__ == "__main__":
    apply(allowed_by(Path(sys.argv[1]).read_text()))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  # a test's own command
