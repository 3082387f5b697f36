"""What is wrong with a screen in a browser, one line each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

AXE = (Path(__file__).parents[1] / "web/vendor/axe/axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
HOW = {"runOnly": RULES, "resultTypes": ["violations"]}
#: The bytes of a page with its style sheets and scripts, as they are sent.
HEAVIEST = 100_000
#: What a browser would evaluate or what styles one element alone: a strict policy needs none.
IN_LINE = re.compile(r"<[^>]*\s(on\w+|hx-on[\w:-]*|style)=|<style|=[\"']js(on)?:", re.IGNORECASE)

#: Every control that the keyboard has to reach, without those of a group after its first.
CONTROLS = """() => [...document.querySelectorAll(
    "a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((each) =>
    !each.disabled && each.type !== "hidden" && each.tabIndex >= 0 && each.type !== "radio" &&
    each.checkVisibility({visibilityProperty: true}) && each.getClientRects().length)"""
WATCH = """() => {
  window.reached = new Map();
  document.addEventListener("focusin", ({target}) => {
    const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(target);
    const ring = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    window.reached.set(target, ring || boxShadow !== "none");
  });
}"""
LEFT = f"""() => ({CONTROLS})().filter((each) => !window.reached.has(each))
    .map((each) => each.outerHTML.slice(0, 120))"""
UNSEEN = """() => [...window.reached].filter(([each, seen]) => !seen && each !== document.body &&
    each.id !== "main").map(([each]) => each.outerHTML.slice(0, 120))"""
WEIGHT = """() => [...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource")]
    .filter((each) => !/\\.(png|jpe?g|webp|svg|ico)$/.test(each.name.split("?")[0]))
    .reduce((sum, each) => sum + each.encodedBodySize, 0)"""


class Look(NamedTuple):
    """How a screen is looked at."""

    width: int
    scheme: str
    locale: str


#: Each screen meets each width, scheme and language; over two screens all pairs of these are met.
LOOKS = (
    (Look(360, "dark", "fr-CA"), Look(1280, "light", "en-CA")),
    (Look(360, "light", "en-CA"), Look(1280, "dark", "fr-CA")),
)


def listen(page: Page, address: str) -> list[str]:
    """Return a list that what a page reports, and asks of other hosts, is added to."""
    heard: list[str] = []

    def note(message: Any) -> None:
        # Chromium says of each form with a password alone that it lacks a user name.
        if message.type == "error" or "Content Security Policy" in message.text:
            heard.append(f"console: {message.text}")

    def asked(request: Any) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            heard.append(f"asks another host: {request.url}")

    page.on("console", note)
    page.on("pageerror", lambda error: heard.append(f"script: {error}"))
    page.on("dialog", lambda dialog: (heard.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", asked)
    return heard


def faults(page: Page, response: Response, width: int) -> list[str]:
    """What is wrong with a screen that was just opened."""
    found = [] if response.status == 200 else [f"status {response.status}"]
    policy = response.headers.get("content-security-policy", "")
    if not policy or "unsafe" in policy:
        found.append(f"policy: {policy}")
    found += [f"in line: {match.group()[:120]}" for match in IN_LINE.finditer(response.text())]
    found += _accessibility(page)
    too_wide = page.evaluate("document.documentElement.scrollWidth") - width
    if too_wide > 0:
        found.append(f"{too_wide} pixels too wide")
    if (weight := page.evaluate(WEIGHT)) > HEAVIEST:
        found.append(f"weighs {weight:,} bytes")
    return found


def _accessibility(page: Page) -> list[str]:
    page.evaluate(AXE)
    result = page.evaluate(f"() => axe.run(document, {json.dumps(HOW)})")
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in result["violations"]
        for node in each["nodes"]
    ]


def not_reached(page: Page) -> list[str]:
    """Controls that the keyboard does not reach, and those that do not show that it has."""
    page.evaluate(WATCH)
    count = page.evaluate(f"() => ({CONTROLS})().length")
    left: list[str] = []
    for _ in range(6):  # a field of a date has several stops
        for _ in range(count + 2):
            page.keyboard.press("Tab")
        left = page.evaluate(LEFT)
        if not left:
            break
        count = len(left) * 4
    return [
        *(f"not reached by keyboard: {each}" for each in left),
        *(f"focus is not seen: {each}" for each in page.evaluate(UNSEEN)),
    ]


def unusable_without_scripts(page: Page) -> list[str]:
    """What a page without JavaScript lacks: a heading, and a button for each form."""
    forms = page.locator("main form:not([hidden])").all()
    without = [
        each.evaluate("form => form.outerHTML.slice(0, 160)")
        for each in forms
        if each.is_visible() and not each.locator("button:visible, input[type=submit]").count()
    ]
    heading = [] if page.locator("main h1").count() == 1 else ["not one heading"]
    return heading + [f"form without a button: {each}" for each in without]
