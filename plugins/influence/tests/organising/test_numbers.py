"""A campaign's numbers on organisers' pages, and as files."""

from __future__ import annotations

import io
import zipfile

import pytest

pytestmark = pytest.mark.database("sqlite")
AVERY = "avery.tremblay@parl.example.ca"
JORDAN = "jordan.okafor@ola.example.ca"


def page_of(campaign, name=""):
    return f"/admin/campaigns/{campaign['id']}/numbers{name}"


async def test_numbers_are_a_plot_and_tables_and_files(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        empty = await client.get(page_of(campaign))
        assert "No letter was sent in this time." in empty.text
        await v.send(campaign, recipient_emails=[AVERY, JORDAN])
        await v.send(campaign, sender_email="other@example.org")
        await v.run_jobs()
        page = await client.get(page_of(campaign))
        assert page.text.count("</title></rect>") == 1
        for words in ("Avery Tremblay-Sample", "Federal", "Mississauga", "emails.xlsx"):
            assert words in page.text
        assert AVERY not in page.text
        for days, shown in (("90", 90), ("all", 1)):
            longer = await client.get(page_of(campaign, f"?days={days}"))
            table = longer.text.split("The same as a table")[1].split("</table>")[0]
            assert table.count("<tr") == shown + 1
        for table, first in (
            ("days", "Day,Letters"),
            ("districts", "Level,Riding,Letters"),
            ("recipients", "Recipient,Level,Riding,Letters"),
        ):
            file = await client.get(page_of(campaign, f"/{table}.csv"))
            lines = file.text.splitlines()
            assert lines[0] == first
            assert lines[1].endswith(",3" if table == "days" else ",2")
            assert AVERY not in file.text
            sheet = await client.get(page_of(campaign, f"/{table}.xlsx"))
            assert zipfile.ZipFile(io.BytesIO(sheet.content)).testzip() is None
        assert "Federal" in (await client.get(page_of(campaign, "/districts.csv"))).text


async def test_a_goal_is_set_and_taken_away(organise):
    async with organise() as (v, client):
        campaign = await v.campaign()
        for wrong in ("0", "many", "10000001"):
            refused = await client.submit(page_of(campaign), {"goal": wrong})
            assert 'id="goal-error"' in refused.text
            assert f'value="{wrong}"' in refused.text
        assert (await client.submit(page_of(campaign), {"goal": "500"})).status_code == 303
        page = await client.get(f"/campaigns/{campaign['slug']}")
        assert "Help us reach 500 messages." in page.text
        stale = await client.submit(page_of(campaign), {"goal": "9", "version": "1"})
        assert "Another person has changed this campaign" in stale.text
        assert (await client.submit(page_of(campaign), {"goal": ""})).status_code == 303
        assert "goal-bar" not in (await client.get(f"/campaigns/{campaign['slug']}")).text
