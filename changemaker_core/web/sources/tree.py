"""A template's syntax tree, as the checks of templates read it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import nodes

#: A line, what is wrong there, and what to do about it.
Found = tuple[int, str, str]


class Tree:
    """A template's syntax tree, walked once: its nodes by their class."""

    def __init__(self, root: nodes.Template) -> None:
        self.root = root
        self._by_kind: dict[type[nodes.Node], list[Any]] = defaultdict(list)
        waiting: list[nodes.Node] = [root]
        while waiting:
            node = waiting.pop()
            self._by_kind[type(node)].append(node)
            waiting.extend(node.iter_child_nodes())

    def all(self, *kinds: type[nodes.Node]) -> list[Any]:
        """Return every node of these classes."""
        return [node for kind in kinds for node in self._by_kind[kind]]
