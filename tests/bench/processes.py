"""Programs that tests start: each says when it is ready, and none outlives its test."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: Seconds until a start or a message must have happened, on a slow machine.
PATIENCE = 120.0
#: The line that a program prints when its signal handlers are installed and its work begins.
READY = "ready"
_ROOT = Path(__file__).parents[2]


def start(
    command: Sequence[object], env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """Start a program, which can import ``tests.bench``. ``options`` are those of ``Popen``."""
    environment = dict(os.environ if env is None else env)
    paths = [environment.get("PYTHONPATH"), str(_ROOT)]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return subprocess.Popen(list(map(str, command)), env=environment, text=True, **options)


@contextlib.contextmanager
def running(
    command: Sequence[object], *, ready: str | None = READY, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A program, from the moment at which it prints ``ready``; killed when the block ends.

    Where ``ready`` is None, the caller waits for something else before it sends a signal.
    """
    if ready is not None:
        options["stdout"] = subprocess.PIPE
    process = start(command, **options)
    try:
        if ready is not None and process.stdout is not None:
            line = process.stdout.readline().strip()
            assert line == ready, f"it printed {line!r} and ended with {process.poll()}"
        yield process
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], seconds: float = PATIENCE) -> int:
    """End a program with SIGTERM, and return its exit status."""
    process.terminate()
    return process.wait(seconds)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Check ``condition`` again and again; ``TimeoutError`` when ``seconds`` are over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not happen within {seconds} s")
        time.sleep(0.02)
