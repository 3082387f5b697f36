"""An entry of the menu, a list with a bulk action, and a card of the dashboard: ten lines."""

from __future__ import annotations

from changemaker_admin.api import BulkAction, Card, Column, ListScreen
from changemaker_core import Text
from changemaker_notes.models import WRITE, count_open, open_notes, put_back, tick_off

NOTES, GONE = Text("Notes"), Text("They leave the list.")
SHOWN = [Column("text", NOTES), Column("written_at", Text("Written"), "datetime", sort=True)]
TICK_OFF = BulkAction(
    name="done", label=Text("Done"), text=GONE, permission=WRITE, run=tick_off, undo=put_back
)
LIST = ListScreen(
    path="/admin/notes", title=NOTES, permission=WRITE, group="team",
    query=open_notes, columns=SHOWN, actions=[TICK_OFF],
)  # fmt: skip
CARD = Card("notes.open", NOTES, WRITE, number=count_open, link=LIST.path)
