"""Phrases that several messages about plugins share."""

from __future__ import annotations

import traceback


def leave_out(plugin: str) -> str:
    """How an operator does without a plugin."""
    return f'leave it out with `deny = ["{plugin}"]` under [plugins] in changemaker.toml'


def exception_line(error: BaseException) -> str:
    """``ValueError: boom (plugin.py, line 12)``: what was raised, and where, on one line."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    line = f"{name}: {text}" if text else name
    if isinstance(error, SyntaxError):
        return line  # its text has the place
    frames = traceback.extract_tb(error.__traceback__)
    return f"{line} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else line
