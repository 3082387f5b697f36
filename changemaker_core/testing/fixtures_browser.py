"""Fixtures of a real browser: Chromium, driven by Playwright, with JavaScript on or off.

Tests that use them carry ``@pytest.mark.browser`` and are ordinary functions, not coroutines.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.testing.left_out import leave_out

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OpenPage = Callable[..., "Page"]

#: Names under which distributions install it; ``CHANGEMAKER_CHROMIUM`` names another.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
#: Nothing is fetched but what a test asks for. Containers have no user namespace for a sandbox.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
#: Milliseconds that a page may take to do what a test waits for, on a busy machine.
PATIENCE = 20_000


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "browser: needs Chromium")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the browser's tests where there is no browser."""
    absent = "no Chromium found; apt-get install chromium"
    leave_out(config, items, "browser", lambda: None if chromium() else absent)


def chromium() -> str | None:
    """Where Chromium is, or None where it is not installed."""
    named = os.environ.get("CHANGEMAKER_CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, PROGRAMS)), None)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A fresh browser.

    One for each test (0.6 s): Playwright keeps an event loop running in its thread for as long as
    it is open, and asynchronous tests could not run beside it.
    """
    from playwright.sync_api import sync_playwright

    program = chromium()
    if program is None:
        pytest.fail("Chromium is not installed, and this test is not marked as a browser test.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """``open_page(javascript=True, **options)``: a page of a new visitor, with no cookie.

    ``options`` are Playwright's for a context: ``locale``, ``viewport``, ``color_scheme``, …
    The test fails when a page raised an error or broke its content security policy.
    """
    troubles: list[str] = []
    with ExitStack() as contexts:

        def open_(*, javascript: bool = True, **options: Any) -> Page:
            context = browser.new_context(java_script_enabled=javascript, **options)
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda said: _note_violation(said.text, troubles))
            return page

        yield open_
    assert not troubles, troubles  # noqa: S101  # this is a test's own assertion


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page with JavaScript on; ``open_page(javascript=False)`` has it off."""
    return open_page()


def _note_violation(said: str, troubles: list[str]) -> None:
    if "Content Security Policy" in said:
        troubles.append(said)
