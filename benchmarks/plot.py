"""Results as pictures: bars for contenders, lines for growth. SVG, readable on light and dark."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from benchmarks.table import number

if TYPE_CHECKING:
    from benchmarks.results import Measurement, Result

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 760, 290, 110, 30, 34
_OURS, _THEIRS, _INK = "#0b7a75", "#8a94a3", "#6b7280"
_LINES = ("#0b7a75", "#c2571a", "#5b5fc7", "#a0336e", "#4b7f2a", "#8a94a3")


def draw(result: Result) -> str:
    """The picture of a result."""
    return _lines(result) if result.item == "growth" else _bars(result)


def _bars(result: Result) -> str:
    shown = [each for each in result.measurements if result.main in each.series]
    most = max((max(each.series[result.main]) for each in shown), default=1.0)
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    rows = [_bar(each, result.main, scale, _TOP + n * _ROW) for n, each in enumerate(shown)]
    return _picture(_TOP + len(shown) * _ROW + 10, _title(result.title, result.main), *rows)


def _bar(each: Measurement, main: str, scale: float, y: float) -> str:
    values = each.series[main]
    middle, low, high = each.median(main), min(values), max(values)
    colour = _OURS if each.name.startswith(("Changemaker", "changemaker")) else _THEIRS
    end, line = _LEFT + middle * scale, y + _ROW / 2
    return "".join(
        [
            _text(_LEFT - 8, line + 4, each.name, anchor="end"),
            f'<rect x="{_LEFT}" y="{y + 6:.1f}" width="{middle * scale:.1f}" height="{_ROW - 12}"',
            f' fill="{colour}"/>',
            _line(_LEFT + low * scale, line, _LEFT + high * scale, line, _INK),
            _text(max(end, _LEFT + high * scale) + 6, line + 4, number(middle)),
        ]
    )


def _lines(result: Result) -> str:
    """Each measurement's series is a size; both axes are logarithmic."""
    sizes = list(dict.fromkeys(size for each in result.measurements for size in each.series))
    rows = [float(size.split()[0].replace(",", "")) for size in sizes]
    values = [each.median(size) for each in result.measurements for size in each.series]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    bottom, left, right = 330, 70, 500

    def x(size: float) -> float:
        span = math.log10(rows[-1] / rows[0])
        return left + math.log10(size / rows[0]) / span * (right - left)

    def y(value: float) -> float:
        return bottom - (math.log10(value) - low) / (high - low) * (bottom - _TOP)

    parts = [_title(result.title, "requests/s")]
    for power in range(low, high + 1):
        parts += [_line(left, y(10**power), right, y(10**power), "#d1d5db")]
        parts += [_text(left - 8, y(10**power) + 4, number(10.0**power), anchor="end")]
    for size, label in zip(rows, sizes, strict=True):
        parts.append(_text(x(size), bottom + 18, label, anchor="middle"))
    for n, each in enumerate(result.measurements):
        points = " ".join(
            f"{x(size):.1f},{y(each.median(name)):.1f}"
            for size, name in zip(rows, sizes, strict=True)
            if name in each.series
        )
        colour, key = _LINES[n % len(_LINES)], _TOP + 14 + n * 20
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts += [_line(right + 20, key - 4, right + 40, key - 4, colour)]
        parts += [_text(right + 46, key, each.name, size=11)]
    return _picture(bottom + 30, *parts, width=_WIDTH + 40)


def _picture(height: float, *parts: str, width: float = _WIDTH) -> str:
    """Parts on a white sheet."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
    sheet = f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    font = ' font-family="system-ui, sans-serif" font-size="13" fill="#1f2937">'
    return f"{head}{font}\n{sheet}\n" + "\n".join(parts) + "\n</svg>\n"


def _title(title: str, unit: str) -> str:
    return f'<text x="8" y="20" font-weight="600">{escape(title)} – {escape(unit)}</text>'


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(text)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="2"/>'
