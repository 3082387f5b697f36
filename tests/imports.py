"""A contract for import-linter: no circle of files, whether they import for types or to run."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import grimp
from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from grimp import ImportGraph

Imports = dict[str, set[str]]


class NoCircles(Contract):
    """Files import each other in one direction only.

    ``for_types`` are modules that any file may import for type checkers. At run time there is no
    exception.
    """

    type_name = "no_circles"

    for_types = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find the circles among all imports, and among those made at run time."""
        roots = {module.partition(".")[0] for module in graph.modules}
        at_run_time = grimp.build_graph(*sorted(roots), exclude_type_checking_imports=True)
        allowed: set[str] = self.for_types  # type: ignore[assignment]  # a field is its value here
        found = [
            *circles({file: to - allowed for file, to in imports_of(graph).items()}),
            *circles(imports_of(at_run_time)),
        ]
        return ContractCheck(kept=not found, metadata={"circles": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each circle once, file by file."""
        for circle in check.metadata["circles"]:
            output.print_error(f"{len(circle) - 1} files: {' -> '.join(circle)}")


def imports_of(graph: ImportGraph) -> Imports:
    """Return what each file imports."""
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def circles(imports: Imports) -> list[list[str]]:
    """Return circles until none is left, each with the first file again at its end."""
    found = []
    while True:
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            found.append(circle)
            imports = {file: to for file, to in imports.items() if file not in circle}
        else:
            return found
