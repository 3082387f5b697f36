"""The organisers' screens of campaigns, as admin mounts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_influence.emails.pages import CampaignPage
from changemaker_influence.emails.submission import Submissions
from changemaker_influence.organising import (
    acts,
    frame,
    numbers,
    recipients,
    sharing,
    translating,
)
from changemaker_influence.organising.duplicating import DuplicatePage
from changemaker_influence.organising.editor import EditCampaignPage, NewCampaignPage
from changemaker_influence.organising.previews import (
    FormattedPage,
    PreviewFrame,
    PreviewPage,
    TestLetterPage,
)

if TYPE_CHECKING:
    from changemaker_admin.api import AdminScreen
    from changemaker_core import Site
    from changemaker_influence.directories.lookup import Lookups


def screens(site: Site, lookups: Lookups) -> list[AdminScreen]:
    """Return the screens; only where admin is installed."""
    from changemaker_admin.api import Screen
    from changemaker_influence.organising.overview import campaign_list

    public = CampaignPage(site, lookups, Submissions(site, lookups))
    one = f"{frame.ROOT}/{{id}}"
    return [
        campaign_list(),
        Screen(f"{frame.ROOT}/new", NewCampaignPage()),
        Screen(one, EditCampaignPage()),
        Screen(f"{one}/preview", PreviewPage()),
        Screen(f"{one}/preview/page", PreviewFrame(site, public)),
        Screen(f"{one}/formatted", FormattedPage()),
        Screen(f"{one}/test", TestLetterPage()),
        Screen(f"{one}/duplicate", DuplicatePage()),
        Screen(f"{one}/recipients", recipients.RecipientsPage()),
        Screen(f"{one}/recipients/import", recipients.ImportPage()),
        Screen(f"{one}/recipients/first", recipients.FirstTickedPage()),
        Screen(f"{one}/recipients/{{recipient_id}}", recipients.RecipientPage()),
        Screen(f"{one}/recipients/{{recipient_id}}/remove", recipients.RemoveRecipientPage()),
        Screen(f"{one}/translations", translating.TranslationsPage()),
        Screen(f"{one}/translations/{{language}}", translating.TranslationPage()),
        Screen(f"{one}/translations/{{language}}/remove", translating.RemoveTranslationPage()),
        Screen(f"{one}/numbers", numbers.NumbersPage()),
        *(
            Screen(f"{one}/numbers/{table}.{kind}", numbers.NumbersFile(table), suffix=kind)
            for table in numbers.TABLES
            for kind in ("csv", "xlsx")
        ),
        Screen(f"{one}/share", sharing.SharePage()),
        Screen(f"{one}/share/code.svg", sharing.QrCodeFile()),
        *(Screen(f"{one}/{act.name}", acts.ActPage(act)) for act in acts.ACTS),
    ]
