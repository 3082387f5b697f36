"""A work item: one measurement of every contender that it applies to."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import building
from benchmarks.contenders import Contender, Data, Running
from benchmarks.results import Result
from benchmarks.servers import DidNotStart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.databases import Postgresql
    from benchmarks.rounds import Effort


@dataclass(slots=True)
class Bench:
    """The servers, data and effort that an item runs with."""

    effort: Effort
    postgresql: Postgresql | None
    say: Callable[[str], None]
    #: Contenders that cannot be measured here, and why.
    missing: dict[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def running(
        self, contenders: Sequence[Contender], *, cores: str | None = None
    ) -> Iterator[list[Running]]:
        """All contenders at once, on one set of data. Those that do not start are missing."""
        data = Data(self.postgresql)
        with contextlib.ExitStack() as stack:
            started = []
            for contender in contenders:
                if contender.needs and not building.built(contender.needs):
                    self.missing[contender.name] = "not installed"
                    continue
                try:
                    started.append(stack.enter_context(data.run(contender, cores=cores)))
                except DidNotStart as problem:
                    self.missing[contender.name] = str(problem)
                    self.say(str(problem))
            yield started

    def result(self, item: str, title: str, main: str = "requests/s") -> Result:
        """An empty result of an item."""
        return Result(
            item=item,
            title=title,
            main=main,
            measurements=[],
            quick=self.effort.quick,
            rounds=self.effort.rounds,
            seconds=self.effort.seconds,
        )


@dataclass(frozen=True, slots=True)
class Item:
    """``measure(bench)`` returns the result."""

    name: str
    title: str
    measure: Callable[[Bench], Result]
    needs_postgresql: bool = False
