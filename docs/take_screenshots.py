"""Take the documentation's pictures of the demonstration site: ``nox -s screenshots``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from changemaker_core.testing.server import OperatedSite

IMAGES = Path(__file__).parent / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def take(page: Page, address: str) -> None:
    """The page of the first campaign, once a postal code was entered."""
    page.goto(f"{address}/campaigns")
    page.locator("main a[href*='/campaigns/']").first.click()
    page.locator("input[name=postal_code]").first.fill("L5G 4L3")
    page.locator("input[name=postal_code]").first.press("Enter")
    page.locator("#representatives").wait_for()
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.screenshot(path=IMAGES / "campaign.png", animations="disabled")


def main() -> int:
    """Run a fresh demonstration and take every picture."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        site = OperatedSite(Path(scratch) / "demo")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 1350}, locale="en-CA")
        with site.start("demo", "--port", "0", "--folder", str(site.folder)) as (_, address):
            take(page, address)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
