"""A strict parser: a statement's text as a tree, where all of it is understood.

It understands the plain SQL that peewee writes, and gives up at everything else (comments, texts,
other quotes, several statements, numbered or named parameters, casts).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A quoted name in lower case, with its first quote; a word in upper case; a number's or operator's
#: text; the position of a parameter, as a number; or what a pair of parentheses holds.
Node: TypeAlias = "str | int | Tree"
Tree: TypeAlias = list[Node]

_TOKEN = re.compile(
    r"""
      \s+
    | (?P<name>"[^"\x00]+")(?!["\w])
    | (?P<mark>\?|%s)(?!\w)
    | (?P<word>[A-Za-z_]\w*)(?![\w"&])
    | (?P<number>\d+(?:\.\d+)?)(?![\w.])
    | (?P<operator><>|<=|>=|!=|\|\||[=<>+\-*/,.])
    | (?P<parenthesis>[()])
    """,
    re.VERBOSE | re.ASCII,
)
_MARKS = frozenset({"?", "%s"})
_COMMENT = re.compile(r"--|/\*")


def parse(sql: str) -> tuple[Tree, int] | None:
    """Return the tree of ``sql`` and its number of parameters; None where it is not understood."""
    if _COMMENT.search(sql):
        return None
    tokens = _tokens(sql)
    if tokens is None:
        return None
    marks = [token for token in tokens if token in _MARKS]
    if len(set(marks)) > 1:
        return None  # one of them is an operator
    positions = iter(range(len(marks)))
    tree = _nest([next(positions) if token in _MARKS else token for token in tokens])
    return None if tree is None else (tree, len(marks))


def _tokens(sql: str) -> list[str] | None:
    tokens: list[str] = []
    end = 0
    while end < len(sql):
        found = _TOKEN.match(sql, end)
        if found is None:
            return None
        end = found.end()
        if found["name"]:
            tokens.append(found["name"][:-1].lower())
        elif found.lastgroup is not None:
            tokens.append(found[0].upper() if found["word"] else found[0])
    return tokens


def _nest(tokens: list[str | int]) -> Tree | None:
    open_: list[Tree] = [[]]
    for node in tokens:
        if node == "(":
            open_.append([])
        elif node != ")":
            open_[-1].append(node)
        elif len(open_) == 1:
            return None
        else:
            inner = open_.pop()
            open_[-1].append(inner)
    return open_[0] if len(open_) == 1 else None


def leaves(tree: Tree) -> Iterator[str | int]:
    """Yield everything in a tree that is not a tree itself."""
    for node in tree:
        if isinstance(node, list):
            yield from leaves(node)
        else:
            yield node


def split(tree: Tree) -> list[Tree]:
    """Return the parts of a tree between its commas."""
    parts: list[Tree] = [[]]
    for node in tree:
        if node == ",":
            parts.append([])
        else:
            parts[-1].append(node)
    return parts


def conjuncts(condition: Tree) -> Iterator[Tree]:
    """Yield the parts of a condition that all have to hold (parts of an ``AND``)."""
    parts, links = condition[::2], condition[1::2]
    if len(parts) == len(links) + 1 and all(link == "AND" for link in links):
        groups = [part for part in parts if isinstance(part, list)]
        if len(groups) == len(parts):
            for group in groups:
                yield from conjuncts(group)
            return
    yield condition


def is_name(node: Node) -> bool:
    """Return whether a node is a quoted name."""
    return isinstance(node, str) and node.startswith('"')
