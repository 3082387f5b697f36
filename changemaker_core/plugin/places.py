"""Where in an author's code something is: the line to name in a message, never one of core's."""

from __future__ import annotations

import inspect
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType, TracebackType

#: The folder of core itself.
CORE_FOLDER = str(Path(__file__).parents[1])
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})


def place_of(function: Any) -> str:
    """Return ``/…/resources.py, line 12``: where a function or class is written.

    Returns ``""`` for one without source, such as a built-in.
    """
    try:
        wanted = inspect.unwrap(function)
        code = getattr(wanted, "__code__", None)
        if code is not None:
            return f"{code.co_filename}, line {code.co_firstlineno}"
        return f"{inspect.getfile(wanted)}, line {inspect.getsourcelines(wanted)[1]}"
    except (TypeError, OSError):
        return ""


def located(problem: str, place: str) -> str:
    """Return a sentence with its place: ``It returned nothing (/…/plugin.py, line 12).``"""
    return f"{problem.removesuffix('.')} ({place})." if place else problem


def author_place(trace: TracebackType | None) -> str:
    """Return ``/…/plugin.py, line 12``: the innermost line of a traceback that is an author's.

    Lines of core, and of Python and the libraries that the author's line calls, are passed over.
    Returns ``""`` where none is an author's.
    """
    frames = reversed(traceback.extract_tb(trace))
    found = (f"{f.filename}, line {f.lineno}" for f in frames if is_authors(f.filename))
    return next(found, "")


def calling_place() -> str:
    """Return the line of an author's code that called what is running now; else ``""``."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_authors(frame.f_code.co_filename):
            return f"{frame.f_code.co_filename}, line {frame.f_lineno}"
        frame = frame.f_back
    return ""


def is_authors(filename: str) -> bool:
    """Return whether a file is a plugin's: not of core, and not of a library.

    A plugin that is installed lies among the libraries; its package begins ``changemaker_``.
    """
    if filename.startswith(("<", CORE_FOLDER)):
        return False
    parts = Path(filename).parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            return parts[parts.index(folder) + 1].startswith("changemaker_")
    return not filename.startswith(_LIBRARIES)
