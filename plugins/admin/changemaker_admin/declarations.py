"""What plugins declare to admin: screens, and what the dashboard shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from changemaker_core import Claim, NavigationEntry, Route, declared_endpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from changemaker_core import Site

    #: How many there are, for ``objects``: the ids of those that the reader may see, None for all.
    Count = Callable[[Site, Sequence[str] | None], Awaitable[int]]
    #: How many there were on each day from the first to the last, days without any left out.
    Daily = Callable[[Site, Sequence[str] | None, date, date], Awaitable[Mapping[date, int]]]

ADMIN = "/admin"


class AdminScreen:
    """One or several pages under ``/admin``, with an entry of the menu: what screens derive from.

    ``path`` is the first page's.
    """

    path: str

    def routes(self) -> list[Route]:
        """Return the routes that are mounted for it."""
        raise NotImplementedError

    def entries(self) -> list[NavigationEntry]:
        """Return its entries of the menu: one, or none."""
        raise NotImplementedError

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with it, each with how to fix it."""
        if not self.path.startswith(f"{ADMIN}/"):
            name = f"{type(self).__name__}({self.path!r})"
            yield f"{name} is not under {ADMIN}.", f"Begin the path with {ADMIN}/."


@dataclass(frozen=True, slots=True)
class Screen(AdminScreen):
    """A page under ``/admin``: ``Screen("/admin/petitions", PetitionsPage(), Text("Petitions"))``.

    ``resource`` is one as ``Route`` takes it, ``title`` its name in the menu. With a ``group`` it
    has an entry there, for those who hold the permission that ``on_get`` requires (``on="*"``: for
    one object at least). Groups are ``campaigns``, ``people``, ``team``, ``settings`` and
    ``system``; ``icon`` is a macro of ``macros/icons.html``; a lower ``order`` comes first.
    ``await count(site, objects)`` returns how many things wait there for a person.
    """

    path: str
    resource: object
    title: str = ""
    group: str | None = None
    icon: str | None = None
    order: int = 100
    count: Count | None = None
    suffix: str | None = None

    def routes(self) -> list[Route]:
        """Return its one route."""
        return [Route(self.path, self.resource, self.suffix)]

    def entries(self) -> list[NavigationEntry]:
        """Return its entry of the menu, where it has one."""
        if self.group is None:
            return []
        return [entry_of(self, self._page(), self.title)]

    def _page(self) -> Any:
        name = f"on_get_{self.suffix}" if self.suffix else "on_get"
        return getattr(self.resource, name, None)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with it."""
        yield from AdminScreen.problems(self)
        if self.group is None:
            return
        page = declared_endpoint(self._page())
        if page is None or page.permission is None:
            problem = f"Screen({self.path!r}) is in the menu, and its on_get has no permission."
            yield problem, 'Declare @endpoint(permission="…") on it, or leave out the group.'
        if not self.title:
            yield f"Screen({self.path!r}) is in the menu without a title.", "Give it a title."


def entry_of(screen: Any, page: Any, title: str) -> NavigationEntry:
    """Return the entry of a screen in the menu, for those who may see ``page``, its responder."""
    endpoint = declared_endpoint(page)
    assert endpoint is not None  # noqa: S101  # `problems` reports it
    return NavigationEntry(
        title,
        screen.path,
        order=screen.order,
        permission=endpoint.permission,
        on="*" if endpoint.on == "*" else None,
        group=screen.group,
        icon=screen.icon,
        count=screen.count,
    )


def claims_of_screen(screen: AdminScreen, _plugin: str) -> Iterator[Claim]:
    """Yield its path, which no other screen has."""
    yield Claim("screen", screen.path)


@dataclass(frozen=True, slots=True)
class Card:
    """A number on the dashboard, for those who hold ``permission``.

    With ``daily``, it shows the sum of the last 30 days, how that differs from the 30 days before,
    and a plot: ``await daily(site, objects, first, last)`` returns how many there were on each day,
    in the site's time zone. With ``number``, it shows what ``await number(site, objects)`` returns.
    ``objects`` is ``None`` for all; with ``on="*"`` also the ids of those that the reader may see.
    Values are cached, and read again after a write to a table that they were read from.

    >>> Card("petitions.signatures", Text("Signatures"), "petitions.petition.read", daily=by_day)
    """

    name: str
    title: str
    permission: str
    daily: Daily | None = None
    number: Count | None = None
    link: str | None = None
    on: Literal["*"] | None = None
    order: int = 100

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with it."""
        if (self.daily is None) == (self.number is None):
            problem = f"Card({self.name!r}) has both daily= and number=, or neither."
            yield problem, "Write one of them."
        yield from _scope_problems(self)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that waits for a person: a line of the dashboard where ``count`` is above 0.

    ``title`` says what it is ("Failed letters"), ``detail`` what to do about it; ``link`` leads to
    where it is done, by those who hold ``permission``. ``count`` and ``on`` are those of ``Card``.
    ``severity="danger"``: nothing works until somebody acts. ``counted=False`` hides the number,
    for what is or is not so.
    """

    name: str
    title: str
    permission: str
    count: Count
    link: str
    detail: str = ""
    on: Literal["*"] | None = None
    severity: Literal["info", "warning", "danger"] = "warning"
    counted: bool = True
    order: int = 100

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with it."""
        if self.severity not in ("info", "warning", "danger"):
            problem = f"Attention({self.name!r}) has severity={self.severity!r}."
            yield problem, 'Write "info", "warning" or "danger".'
        yield from _scope_problems(self)


def _scope_problems(item: Card | Attention) -> Iterator[tuple[str, str]]:
    if item.on not in (None, "*"):
        problem = f"{type(item).__name__}({item.name!r}) has on={item.on!r}."
        yield problem, 'Write on="*", or leave it out.'


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the checklist that leads to a site's first success.

    ``await done(site)`` says whether it is done; ``link`` leads to where a person does it, if they
    hold ``permission``. The dashboard shows the checklist until all steps are done, or it is
    dismissed.
    """

    name: str
    title: str
    permission: str
    done: Callable[[Site], Awaitable[bool]]
    link: str
    detail: str = ""
    order: int = 100
    #: The checklist can be complete without it.
    optional: bool = False


def problems_of(item: AdminScreen | Card | Attention) -> Iterable[tuple[str, str]]:
    """Return what is wrong with an item by itself, each with how to fix it."""
    return item.problems()
