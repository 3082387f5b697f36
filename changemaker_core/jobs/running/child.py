"""Programs that jobs run: with limits, and never longer than the run that started them."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from changemaker_core.jobs.errors import ChildFailed, JobStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: What a program sees of this process's environment, whose secrets a hostile file must not reach.
ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "HOME")
#: Bytes after which a line is passed on without its end.
MAX_LINE: Final = 64 * 1024
#: Bytes of its standard error that an error quotes: the last ones.
QUOTED: Final = 2000
#: Seconds between two looks at whether the run goes on.
LOOK: Final = 0.1
#: Seconds between two looks at what is about to end.
LOOK_AT_END: Final = 0.001
#: Seconds for reading what is left of the output of a program that has ended, and for its death.
LEFT_OVER: Final = 1.0

_WATCHER = str(Path(__file__).with_name("watcher.py"))
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Children:
    """The programs of one run."""

    def __init__(self) -> None:
        self._running = 0
        self._changed = threading.Condition()
        self._end = threading.Event()

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        seconds: float,
        limits: tuple[int, int],
        on_line: Callable[[str], object] | None,
        env: Mapping[str, str],
        cwd: Path | None,
    ) -> None:
        """Run a program to its end. When this returns or raises, none of its processes is left.

        ``limits`` are bytes of memory, and of each file. Raises ``ChildFailed``, and ``JobStopped``
        once ``end`` was called.
        """
        with self._changed:
            self._running += 1
        try:
            _Child(argv, seconds, limits, env, cwd).run(self._end, on_line)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def end(self) -> None:
        """Kill the programs, now and in the future."""
        self._end.set()

    def wait(self, seconds: float) -> bool:
        """Return once none is left, or False after ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, seconds)


class _Child:
    """One program, beside the watcher that leads its process group."""

    def __init__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        seconds: float,
        limits: tuple[int, int],
        env: Mapping[str, str],
        cwd: Path | None,
    ) -> None:
        self._program, *_ = command = [os.fspath(word) for word in argv]
        self._seconds = seconds
        self._errors = b""
        own = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        alive, self._held = os.pipe()  # the kernel closes it with this process, whatever ends it
        try:
            self._process = subprocess.Popen(  # noqa: S603  # the plugin's list, without a shell
                [sys.executable, "-I", "-S", _WATCHER, str(alive), *map(str, limits), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**own, **env},
                cwd=cwd,
                pass_fds=[alive],
                start_new_session=True,
            )
        except BaseException:
            os.close(self._held)
            raise
        finally:
            os.close(alive)
        self._deadline = time.monotonic() + seconds

    def run(self, end: threading.Event, on_line: Callable[[str], object] | None) -> None:
        """Read its output until it has ended."""
        try:
            for line in self._lines(end):
                if on_line is not None:
                    on_line(line.decode(errors="replace"))
            pause = LOOK_AT_END  # doubled, as it may run for hours after it has closed its output
            while not self._has_ended():
                self._check(end)
                time.sleep(pause)
                pause = min(pause * 2, LOOK)
        finally:
            self._kill()  # also what a program that has ended left behind
            status = self._process.wait()
            self._wait_for_group()
            os.close(self._held)
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
        if status != 0:
            raise ChildFailed(self._program, _ending(status), self._tail(), status)

    def _lines(self, end: threading.Event) -> Iterator[bytes]:
        """Yield the lines of its standard output as they come, and keep the end of its errors."""
        line, last = b"", b""
        with selectors.DefaultSelector() as ready:
            for number, pipe in enumerate((self._process.stdout, self._process.stderr)):
                if pipe is not None:
                    ready.register(pipe, selectors.EVENT_READ, number)
            left_over_until = None
            while ready.get_map():
                events = ready.select(LOOK)
                for key, _ in events:
                    data = os.read(key.fd, MAX_LINE)
                    if not data:
                        ready.unregister(key.fileobj)
                    elif key.data == 1:
                        self._errors = (self._errors + data)[-QUOTED:]
                    else:
                        # CR LF may come in two parts
                        new = data.removeprefix(b"\n") if last.endswith(b"\r") else data
                        *lines, line = _LINE_END.split(line + new)
                        last = data
                        yield from lines
                        if len(line) > MAX_LINE:
                            yield line
                            line = b""
                self._check(end)
                if not events and self._has_ended():
                    self._kill()  # what it left behind may hold the pipes open
                    left_over_until = left_over_until or time.monotonic() + LEFT_OVER
                    if time.monotonic() > left_over_until:
                        break
        if line:
            yield line

    def _check(self, end: threading.Event) -> None:
        if end.is_set():
            raise JobStopped(f"{self._program} was ended with its run")
        if time.monotonic() > self._deadline:
            reason = f"took longer than {self._seconds:g} s"
            raise ChildFailed(self._program, reason, self._tail(), None)

    def _has_ended(self) -> bool:
        """Whether it has ended. It is not reaped here, so that its number stays its own."""
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _wait_for_group(self) -> None:
        """Return when no process of the group is left. SIGKILL takes effect a little later."""
        until = time.monotonic() + LEFT_OVER
        with suppress(ProcessLookupError):
            while time.monotonic() < until:
                os.killpg(self._process.pid, 0)
                time.sleep(LOOK_AT_END)

    def _tail(self) -> str:
        return self._errors.decode(errors="replace").strip()


def _ending(status: int) -> str:
    """``status`` is that of the watcher: 128 + N where signal N ended the program."""
    number = -status if status < 0 else status - 128
    if number > 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(number).name}"
    return f"ended with status {status}"
