"""QR codes as inline SVG."""

from __future__ import annotations

from markupsafe import Markup


def qr_svg(text: str, title: str) -> Markup:
    """Return a QR code of ``text`` that scales with its box; screen readers read ``title``."""
    import segno  # when the first code is drawn: a start need not wait for it

    code = segno.make(text, error="m", micro=False)
    svg = code.svg_inline(
        border=2, title=title, svgclass="qr", lineclass="qr-dots", omitsize=True, dark="#000"
    )
    return Markup(svg)  # noqa: S704  # segno escapes the title and draws the rest itself
