"""The pocket example: built, its own tests run, and its page opened without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from changemaker_core.testing.server import OperatedSite

if TYPE_CHECKING:
    from playwright.sync_api import Page

POCKET = Path(__file__).parents[2] / "examples" / "pocket"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the built wheel is installed."""
    folder = tmp_path_factory.mktemp("pocket")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
    built = subprocess.run([*command, POCKET], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "packages")
    return folder / "packages"


def test_its_own_tests_pass(packages: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environ = {**os.environ, "PYTHONPATH": str(packages)}
    done = subprocess.run(
        [*command, POCKET / "tests"], env=environ, cwd=POCKET, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.browser
def test_the_page_opens_where_there_is_no_network(
    packages: Path, tmp_path: Path, page: Page
) -> None:
    numbers = '["Legal help: 1 613 555-0100"]'
    environment = {"PYTHONPATH": str(packages), "CHANGEMAKER_POCKET__NUMBERS": numbers}
    site = OperatedSite(tmp_path / "site", environment)
    site.make()
    site.run("migrate")
    with site.serve() as address:
        page.goto(f"{address}/pocket")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_function("navigator.serviceWorker.controller !== null")
    # The server is gone, which is how a phone without a network sees it.
    page.goto(f"{address}/pocket")
    expect(page.get_by_role("link", name="1 613 555-0100")).to_be_visible()
    colour = "getComputedStyle(document.querySelector('.wrap')).maxWidth"
    assert page.evaluate(colour) != "none"  # with its style sheets
    # And no other page is taken over.
    with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
        page.goto(f"{address}/campaigns")
