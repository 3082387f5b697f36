"""Results as Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.results import Measurement, Result, Target


def page(results: list[Result]) -> str:
    """Every result, and whether every target is met."""
    parts = ["# What was measured", _machine(results), _targets(results), *map(section, results)]
    return "\n\n".join(parts) + "\n"


def section(result: Result, picture: bool = True) -> str:
    """One work item: its table, what is to be reached, what must be known to read it."""
    lines = [f"### {result.title}", ""]
    if result.quick:
        lines += ["**A quick run: these figures mean nothing.**", ""]
    if picture:
        lines += [f"![{result.title}]({result.item}.svg)", ""]
    lines += _table(result)
    lines += [f"- {verdict(target)}" for target in result.targets] and [
        "",
        *(f"- {verdict(target)}" for target in result.targets),
    ]
    lines += ["", *result.notes] if result.notes else []
    missing = [
        f"Not measured: {name} ({why.strip()[:200]})." for name, why in result.missing.items()
    ]
    return "\n".join([*lines, *(["", *missing] if missing else [])])


def _table(result: Result) -> list[str]:
    columns = list(dict.fromkeys(name for each in result.measurements for name in each.series))
    header = " | ".join(["", *columns])
    rows = [_row(each, columns, result.main) for each in result.measurements]
    return [f"|{header} |", "|---|" + "---:|" * len(columns), *rows]


def _row(each: Measurement, columns: list[str], main: str) -> str:
    name = f"{each.name} ({each.noisy_rounds} noisy)" if each.noisy_rounds else each.name
    cells = [_cell(each.series.get(column, []), column == main) for column in columns]
    return " | ".join([f"| {name}", *cells]) + " |"


def _cell(values: list[float], ranged: bool) -> str:
    if not values:
        return "–"
    middle = number(statistics.median(values))
    if ranged and len(values) > 1:
        return f"**{middle}** ({number(min(values))}–{number(max(values))})"
    return f"**{middle}**" if ranged else middle


def verdict(target: Target) -> str:
    """``Fastify: 1.05 ×, wanted ≥ 1 ×: met``"""
    sign = "≥" if target.at_least else "≤"
    found = f"{number(target.value)} {target.unit}"
    wanted = f"wanted {sign} {number(target.bound)} {target.unit}"
    beginning = f"{target.text}: " if target.text else ""
    return f"{beginning}{found}, {wanted}: {'met' if target.met else '**not met**'}"


def _targets(results: list[Result]) -> str:
    lines = ["| work | measured | wanted | |", "|---|---:|---:|---|"]
    for result in results:
        for target in result.targets:
            sign = "≥" if target.at_least else "≤"
            work = ": ".join(filter(None, (result.title, target.text)))
            found, bound = number(target.value), number(target.bound)
            met = "met" if target.met else "**not met**"
            lines.append(
                f"| {work} | {found} {target.unit} | {sign} {bound} {target.unit} | {met} |"
            )
    return "\n".join(lines)


def _machine(results: list[Result]) -> str:
    """Where and when, and how long each was measured."""
    parts = "; ".join(f"{name} {value}" for name, value in results[0].machine.items())
    days = sorted({result.when[:10] for result in results})
    efforts = sorted({f"{each.rounds} rounds of {each.seconds} s" for each in results})
    return f"{parts}.\n\nMeasured on {', '.join(days)}, in {' or '.join(efforts)}."


def number(value: float) -> str:
    """Three digits that say something: ``12,345``, ``12.3``, ``0.123``."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
