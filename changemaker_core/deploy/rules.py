"""From the route table to an ordered list of rules: which upstream answers which paths.

The first rule that matches a path decides, as it does for nginx's regular expressions. The list
agrees with Falcon's router, where at each step of a path a literal goes before ``{id}.ics``, and
that before ``{id}``, and where a branch that leads nowhere is left for the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from changemaker_core.deploy.topology import Topology
    from changemaker_core.plugin.loaded import Contribution
    from changemaker_core.plugin.types import Route

_PARAMETER = re.compile(r"\{[^}:]+(?::[^}]*)?\}")
_REST = re.compile(r"\{[^}:]+:path\}")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. ``max_body`` is in bytes; ``None`` is what the site takes anyway."""

    upstream: str
    max_body: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Paths that go to one target.

    ``prefix``: everything at and below ``path``; else ``path`` alone. Paths are written as in the
    route table, parameters included.
    """

    path: str
    target: Target
    prefix: bool

    @property
    def pattern(self) -> str:
        """As a regular expression on a decoded path, anchored at its beginning."""
        steps = _steps(self.path)
        text = "".join("/" + _pattern(step) for step in steps)
        if steps and _REST.fullmatch(steps[-1]):
            return f"^{text}"
        # A slash too many is redirected by whoever has the route.
        return f"^{text}(/|$)" if self.prefix else f"^{text}/?$"

    def overlaps(self, other: Rule) -> bool:
        """Whether both might match one path; sometimes True where they cannot."""
        ours, theirs = _steps(self.path), _steps(other.path)
        if any(not _might_equal(*pair) for pair in zip(ours, theirs, strict=False)):
            return False
        longer = len(ours) - len(theirs)
        return longer == 0 or (other.is_open if longer > 0 else self.is_open)

    @property
    def is_open(self) -> bool:
        """Whether it matches paths of any further length."""
        return self.prefix or _REST.search(self.path) is not None


def rules_of(
    routes: Iterable[Contribution[Route]], topology: Topology, max_body: int
) -> list[Rule]:
    """The rules for everything that does not go to the main upstream with usual bodies.

    ``max_body`` is what the site takes where an endpoint does not say otherwise; only endpoints
    that take more are told apart.
    """
    root = _Node("")
    for each in routes:
        upstream = topology.serves(each.plugin.name).name
        root.add(each.item.path, Target(upstream, _body_of(each.item, max_body)))
    return _needed(_walk(root, "", alone=True), Target(topology.main.name))


def _body_of(route: Route, usual: int) -> int | None:
    from changemaker_core.http.endpoint import declared
    from changemaker_core.http.routing import responders_of

    specs: list[Any] = [declared(responder) for responder in responders_of(route).values()]
    largest = max((spec.max_body or 0 for spec in specs if spec is not None), default=0)
    return largest if largest > usual else None


@dataclass(slots=True)
class _Node:
    """One step of the paths, and who answers there."""

    step: str
    target: Target | None = None
    children: dict[str, _Node] = field(default_factory=dict)

    def add(self, path: str, target: Target) -> None:
        node = self
        for step in _steps(path):
            node = node.children.setdefault(_PARAMETER.sub(_nameless, step), _Node(step))
        node.target = target

    def targets(self) -> set[Target]:
        found = set() if self.target is None else {self.target}
        return found.union(*(child.targets() for child in self.children.values()))

    def in_order(self) -> list[_Node]:
        """The steps after this one, in the order in which the router tries them."""
        return sorted(self.children.values(), key=lambda child: (_rank(child.step), child.step))


def _walk(node: _Node, path: str, *, alone: bool) -> Iterator[Rule]:
    """Rules of a branch. ``alone``: no later branch may have what this one leaves over."""
    targets = node.targets()
    if alone and path and len(targets) == 1:
        yield Rule(path, targets.pop(), prefix=True)
        return
    children = node.in_order()
    for number, child in enumerate(children):
        rivals = [each for each in children[number + 1 :] if _rank(each.step)]
        # Of a rival with two targets it is not said which of them has what.
        same = not rivals or len(set.union(*(each.targets() for each in (child, *rivals)))) == 1
        yield from _walk(child, f"{path}/{child.step}", alone=alone and same)
    if node.target is not None:
        yield Rule(path or "/", node.target, prefix=False)


def _needed(rules: Iterable[Rule], default: Target) -> list[Rule]:
    """Without those that say what holds anyway where no rule matches."""
    kept: list[Rule] = []
    for rule in reversed(list(rules)):
        if rule.target != default or any(map(rule.overlaps, kept)):
            kept.append(rule)
    return kept[::-1]


def _steps(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []


def _nameless(parameter: re.Match[str]) -> str:
    return "{:path}" if _REST.fullmatch(parameter[0]) else "{}"


def _rank(step: str) -> int:
    """0 for a literal, 1 for a literal with parameters in it, 2 for a parameter."""
    if not _PARAMETER.search(step):
        return 0
    return 2 if _PARAMETER.fullmatch(step) else 1


def _pattern(step: str) -> str:
    if _REST.fullmatch(step):
        return ".*"
    if _rank(step) == 2:
        return "[^/]*"  # the router takes an empty step for a parameter too
    literals = _PARAMETER.split(step)
    return "[^/]+".join(re.escape(literal) for literal in literals)


def _might_equal(one: str, other: str) -> bool:
    if _rank(one) and _rank(other):
        return True
    literal, other = (one, other) if _rank(other) else (other, one)
    return re.fullmatch(_pattern(other), literal) is not None
