"""Colours that an organisation chooses: whether they can be read, and those derived from them.

The contrast is that of WCAG 2.2: text needs a ratio of 4.5 to its background (1.4.3, level AA).
"""

from __future__ import annotations

import colorsys
from typing import Final

#: What text needs.
ENOUGH: Final = 4.5
#: The backgrounds of core's pages, as ``base.css`` has them, in the light and the dark scheme.
LIGHT: Final = "#f3ecdf"
DARK: Final = "#282420"
WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
#: Steps in which a colour is made darker or lighter.
_STEP: Final = 0.01


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21.

    >>> round(contrast("#000000", "#ffffff"), 1)
    21.0
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(color: str, background: str) -> str:
    """Return the colour, made darker or lighter until it can be read on ``background``.

    >>> readable("#0d5f58", LIGHT)
    '#0d5f58'
    """
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(color))
    step = -_STEP if _luminance(background) > 0.2 else _STEP
    while contrast(color, background) < ENOUGH and 0 <= lightness <= 1:
        lightness += step
        color = _hex(colorsys.hls_to_rgb(hue, min(max(lightness, 0), 1), saturation))
    return color


def mixed(color: str, other: str, share: float) -> str:
    """Return a mixture with ``share`` of ``other``, from 0 to 1.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(_channels(color), _channels(other), strict=True)
    return _hex(tuple(one + (two - one) * share for one, two in pairs))


def text_on(color: str) -> str:
    """Return the colour of text on a background: white or black."""
    return WHITE if contrast(color, WHITE) >= contrast(color, BLACK) else BLACK


def _channels(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(channels: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def _luminance(color: str) -> float:
    red, green, blue = map(_linear, _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
