"""Starts a program with limits, and ends it with the process that wanted it.

``run.child`` runs this file as a script, in a session of its own and with nothing but the standard
library: ``python -I -S watcher.py ALIVE MEMORY FILE_BYTES PROGRAM [ARGUMENT…]``. ``ALIVE`` is the
reading end of a pipe. Its end of file means that the other process is gone, even by SIGKILL;
whatever runs in this session's process group is then killed. (Linux could signal a child at the
death of the *thread* that started it, and not its grandchildren.)
"""

from __future__ import annotations

import _thread
import os
import resource
import sys

try:
    # PERF: each program waits for these imports. CPython's own module is part of the interpreter;
    # `signal` wraps it in enumerations, and with `threading` takes longer than all the rest.
    import _signal as signal  # type: ignore[import-not-found]  # typeshed does not describe it
except ImportError:  # another Python
    import signal

#: Exit statuses of a shell: the program could not be run, or was not found.
CANNOT_RUN, NOT_FOUND = 126, 127


def main(arguments: list[str]) -> int:
    """Run the program, and return its exit status; 128 + N where signal N ended it."""
    alive, memory, file_bytes = map(int, arguments[:3])
    pid = os.fork()
    if pid == 0:
        _become(arguments[3:], memory, file_bytes)
    for stream in (0, 1, 2):
        os.close(stream)  # so that the reader sees the end of the program's output
    _thread.start_new_thread(_end_with, (alive,))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if status >= 0 else 128 - status


def _become(command: list[str], memory: int, file_bytes: int) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: file_bytes,
    }
    try:
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would exec
            signal.signal(number, signal.SIG_DFL)
        for name, limit in limits.items():
            resource.setrlimit(name, (limit, limit))
        os.execvp(command[0], command)  # noqa: S606  # a list of arguments, without a shell
    except BaseException as error:
        os.write(2, f"{command[0]}: {error}\n".encode(errors="replace"))
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN)


def _end_with(alive: int) -> None:
    os.read(alive, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
