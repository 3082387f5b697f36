"""``/admin/campaigns/{id}/numbers``: letters by day, level, riding and recipient, and the goal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

from changemaker_core import (
    EditConflict,
    Form,
    Invalid,
    Redirect,
    TemplateResponse,
    Text,
    csv_stream,
    endpoint,
    flash,
    xlsx_stream,
)
from changemaker_influence.campaigns import permissions, services
from changemaker_influence.campaigns.goals import percentage
from changemaker_influence.campaigns.schemas import CampaignChange, Goal
from changemaker_influence.numbers import queries
from changemaker_influence.numbers.schemas import NumbersQuery
from changemaker_influence.numbers.services import districts_by_sent, stats_of
from changemaker_influence.organising import frame
from changemaker_influence.organising.forms import LEVEL_NAMES, show_errors, version_of
from changemaker_influence.organising.plots import plot_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Request, Response, Streamed, Tx
    from changemaker_influence.numbers.schemas import (
        CampaignStats,
        DayCount,
        DistrictCount,
        RecipientCount,
    )

PAGE: Final = "/numbers"
Table = Literal["days", "districts", "recipients"]
TABLES: Final[tuple[Table, ...]] = get_args(Table)
#: Rows of a table on the page; files have all of them.
SHOWN: Final = 10
SPANS: Final[Mapping[str, Text]] = {
    "30": Text("30 days"),
    "90": Text("90 days"),
    "all": Text("Since the first letter"),
}
OWN: Final = Text("People of the campaign")
_DAYS: Final[Mapping[str, int | None]] = {"30": 30, "90": 90, "all": None}
_SENT: Final = Text("Letters")


class GoalForm(msgspec.Struct, frozen=True, kw_only=True):
    """The number of letters to aim at; empty for none."""

    goal: Goal | None = None
    version: str = ""


class TableQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``excel``: for a double click, with a byte order mark and the language's separator."""

    days: Literal["30", "90", "all"] = "all"
    excel: bool = False


class NumbersPage:
    """``/admin/campaigns/{id}/numbers``"""

    @endpoint(permission=permissions.READ, on="id", query=NumbersQuery)
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: NumbersQuery
    ) -> TemplateResponse:
        """Show a campaign's numbers."""
        return await _page(req, id, query)

    @endpoint(permission=permissions.WRITE, on="id", form=GoalForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[GoalForm]
    ) -> TemplateResponse | Redirect:
        """Set the goal."""
        if (typed := form.value) is not None:
            wanted = CampaignChange(goal=typed.goal, version=version_of(typed.version))

            def save(tx: Tx) -> None:
                services.change(tx, id, wanted, unfinished=True)
                flash(tx, req, Text("The goal is saved."))

            try:
                await req.site.db.write(save)
            except Invalid as invalid:
                show_errors(form, invalid)
            except EditConflict:
                form.reject("goal", frame.CHANGED)
            else:
                return Redirect(frame.address(id, PAGE))
        return await _page(req, id, NumbersQuery(), form)


class NumbersFile:
    """``/admin/campaigns/{id}/numbers/{table}.csv`` and ``.xlsx``: one table of the numbers, whole.

    ``table`` is ``days``, ``districts`` or ``recipients``.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    @endpoint(permission=permissions.READ, on="id", query=TableQuery, produces="text/csv")
    async def on_get_csv(
        self, req: Request, resp: Response, *, id: str, query: TableQuery
    ) -> Streamed:
        """Return the table as CSV."""
        name, rows = await self._rows(req, id, query)
        columns = _COLUMNS[self._table]
        return csv_stream(rows, columns, download=f"{name}.csv", for_excel=query.excel)

    @endpoint(permission=permissions.READ, on="id", query=TableQuery)
    async def on_get_xlsx(
        self, req: Request, resp: Response, *, id: str, query: TableQuery
    ) -> Streamed:
        """Return the table as an Excel file."""
        name, rows = await self._rows(req, id, query)
        return xlsx_stream(rows, _COLUMNS[self._table], download=f"{name}.xlsx")

    async def _rows(self, req: Request, id: str, query: TableQuery) -> tuple[str, Any]:
        campaign = await frame.load(req, id)
        name = f"{campaign.slug}-{self._table}"
        if self._table == "days":
            return name, (await stats_of(req.site, id, _DAYS[query.days])).days
        if self._table == "recipients":
            return name, queries.recipients_of(campaign_id=id, limit=None)
        counts = await req.site.db.all(queries.districts_of(campaign_id=id))
        return name, districts_by_sent(counts)


def _level(row: DistrictCount | RecipientCount) -> str:
    return level_name(row.level)


def level_name(level: str | None) -> str:
    """Return the name of a level; a campaign's own recipients have none."""
    return next((name for known, name in LEVEL_NAMES.items() if known == level), OWN)


_COLUMNS: Final[Mapping[str, Mapping[Text, Any]]] = {
    "days": {Text("Day"): "day", _SENT: "sent"},
    "districts": {Text("Level"): _level, Text("Riding"): "district", _SENT: "sent"},
    "recipients": {
        Text("Recipient"): "name",
        Text("Level"): _level,
        Text("Riding"): "district",
        _SENT: "sent",
    },
}


async def _page(
    req: Request, id: str, query: NumbersQuery, form: Form[GoalForm] | None = None
) -> TemplateResponse:
    campaign = await frame.load(req, id)
    stats = await stats_of(req.site, id, _DAYS[query.days])
    if form is None:
        form = Form.of(GoalForm(goal=campaign.goal, version=str(campaign.version)))
    else:
        form.data["version"] = str(campaign.version)
    context = {
        **frame.frame_of(req, campaign),
        "stats": stats,
        "plot": plot_of(stats.days),
        "today": stats.days[-1].sent,
        "week": _of_last(stats, 7),
        "levels": [(level_name(each.level), each.sent) for each in stats.levels],
        "shown": SHOWN,
        "level_name": level_name,
        "days": query.days,
        "spans": [(value, words, value == query.days) for value, words in SPANS.items()],
        "percentage": percentage(stats.sent, stats.goal) if stats.goal else None,
        "form": form,
        "may_read_letters": frame.has_permission(req, permissions.READ_EMAILS, id),
    }
    return TemplateResponse("influence/admin/numbers.html", context)


def _of_last(stats: CampaignStats, count: int) -> int:
    """Return the messages of the last days, today among them."""
    days: list[DayCount] = stats.days[-count:]
    return sum(each.sent for each in days)
