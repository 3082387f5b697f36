"""From the route table to an ordered list of locations: which upstream serves which paths.

The first location that matches a path decides, as it does for nginx's regular expressions. The
order agrees with Falcon's router: at each segment of a path it tries a literal before ``{id}.ics``,
and that before ``{id}``, and it goes back to the next branch where one holds no route.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from changemaker_core import RouteInfo
    from changemaker_deploy.topology import Topology

_PARAMETER = re.compile(r"\{[^}:]+(?::[^}]*)?\}")
_REST = re.compile(r"\{[^}:]+:path\}")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, and how.

    ``max_body`` is in bytes; ``None`` stands for the site's own limit. ``streams``: the body is
    passed on as it arrives; ``delivery``: so is the response.
    """

    upstream: str
    max_body: int | None = None
    streams: bool = False
    delivery: bool = False

    def with_method(self, other: Target) -> Target:
        """Return the target of a route with another method: the larger limit, all of its ways."""
        most = max(self.max_body or 0, other.max_body or 0) or None
        streams, delivery = self.streams or other.streams, self.delivery or other.delivery
        return Target(self.upstream, most, streams, delivery)


@dataclass(frozen=True, slots=True)
class Location:
    """Paths that go to one target.

    ``prefix``: everything at and below ``path``; otherwise ``path`` alone. ``path`` is written as
    in the route table, with parameters.
    """

    path: str
    target: Target
    prefix: bool

    @property
    def pattern(self) -> str:
        """The paths as a regular expression on a decoded path, anchored at its beginning."""
        segments = _segments(self.path)
        text = "".join("/" + _pattern(segment) for segment in segments)
        if segments and _REST.fullmatch(segments[-1]):
            return f"^{text}"
        # The process that has the route redirects a trailing slash.
        return f"^{text}(/|$)" if self.prefix else f"^{text}/?$"

    @property
    def is_open(self) -> bool:
        """Whether it matches paths of any further length."""
        return self.prefix or _REST.search(self.path) is not None

    def overlaps(self, other: Location) -> bool:
        """Whether both might match one path; sometimes true where they cannot."""
        ours, theirs = _segments(self.path), _segments(other.path)
        if any(not _might_equal(*pair) for pair in zip(ours, theirs, strict=False)):
            return False
        longer = len(ours) - len(theirs)
        return longer == 0 or (other.is_open if longer > 0 else self.is_open)


def locations_of(routes: Iterable[RouteInfo], topology: Topology, max_body: int) -> list[Location]:
    """Return the locations of everything that does not go to the main upstream in the usual way.

    ``max_body`` is the site's own limit in bytes: only a route that accepts more has a limit of
    its own.
    """
    root = _Node("")
    for each in routes:
        limit = each.max_body if each.max_body > max_body else None
        upstream = topology.upstream_of(each.plugin).name
        root.add(each.path, Target(upstream, limit, each.streams, each.delivery))
    return _needed(_walk(root, "", alone=True), Target(topology.main.name))


@dataclass(slots=True)
class _Node:
    """One segment of the paths, and the target of the route that ends there."""

    segment: str
    target: Target | None = None
    children: dict[str, _Node] = field(default_factory=dict)

    def add(self, path: str, target: Target) -> None:
        """Add a method of a route; of several methods the largest limit holds, and each way."""
        node = self
        for segment in _segments(path):
            key = _PARAMETER.sub(_unnamed, segment)
            node = node.children.setdefault(key, _Node(segment))
        node.target = target if node.target is None else node.target.with_method(target)

    def targets(self) -> set[Target]:
        found = set() if self.target is None else {self.target}
        return found.union(*(child.targets() for child in self.children.values()))

    def in_order(self) -> list[_Node]:
        """The next segments, in the order in which the router tries them."""
        return sorted(
            self.children.values(), key=lambda child: (_rank(child.segment), child.segment)
        )


def _walk(node: _Node, path: str, *, alone: bool) -> Iterator[Location]:
    """Yield the locations of a branch.

    ``alone``: no later branch matches the paths that this one leaves over.
    """
    targets = node.targets()
    if alone and path and len(targets) == 1:
        yield Location(path, targets.pop(), prefix=True)
        return
    children = node.in_order()
    for number, child in enumerate(children):
        rivals = [each for each in children[number + 1 :] if _rank(each.segment)]
        # A rival with two targets might send a path that is left over to either of them.
        same = not rivals or len(set.union(*(each.targets() for each in (child, *rivals)))) == 1
        yield from _walk(child, f"{path}/{child.segment}", alone=alone and same)
    if node.target is not None:
        yield Location(path or "/", node.target, prefix=False)


def _needed(locations: Iterable[Location], default: Target) -> list[Location]:
    """Drop the locations that repeat the default and overlap none that follows."""
    needed: list[Location] = []
    for each in reversed(list(locations)):
        if each.target != default or any(map(each.overlaps, needed)):
            needed.append(each)
    return needed[::-1]


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []


def _unnamed(parameter: re.Match[str]) -> str:
    return "{:path}" if _REST.fullmatch(parameter[0]) else "{}"


def _rank(segment: str) -> int:
    """0 for a literal, 1 for a literal with parameters in it, 2 for a parameter."""
    if not _PARAMETER.search(segment):
        return 0
    return 2 if _PARAMETER.fullmatch(segment) else 1


def _pattern(segment: str) -> str:
    if _REST.fullmatch(segment):
        return ".*"
    if _rank(segment) == 2:
        return "[^/]*"  # the router accepts an empty segment as a parameter
    literals = _PARAMETER.split(segment)
    return "[^/]+".join(re.escape(literal) for literal in literals)


def _might_equal(one: str, other: str) -> bool:
    if _rank(one) and _rank(other):
        return True
    literal, other = (one, other) if _rank(other) else (other, one)
    return re.fullmatch(_pattern(other), literal) is not None
