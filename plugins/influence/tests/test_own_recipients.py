"""A campaign's own recipients: changing them, and adding a table of them."""

from __future__ import annotations

import io

import pytest

from changemaker_core import Conflict, EditConflict, Invalid
from changemaker_influence.campaigns import own_recipients
from changemaker_influence.campaigns.own_recipients import FileRejected, read_recipients
from changemaker_influence.campaigns.schemas import NewRecipient, RecipientChange

CHAIR = {"name": "Robin Sample", "title": "Chair", "email": "Robin@Company.example"}
pytestmark = pytest.mark.database("sqlite")


async def added(v, campaign, **changes):
    path = f"/api/campaigns/{campaign['id']}/recipients"
    response = await v.organise("POST", path, json={**CHAIR, **changes})
    assert response.status_code == 201, response.text
    return response.json(), f"{path}/{response.json()['id']}"


async def test_a_recipient_is_changed_and_the_audit_log_names_each_address(visit):
    async with visit() as v:
        campaign = await v.campaign()
        _, path = await added(v, campaign)
        other, _ = await added(v, campaign, email="other@company.example")
        renamed = await v.organise("PATCH", path, json={"title": "President"})
        assert renamed.json()["title"] == "President"
        assert renamed.json()["email"] == "robin@company.example"
        moved = await v.organise("PATCH", path, json={"email": "chair@company.example"})
        assert moved.json()["email"] == "chair@company.example"
        taken = await v.organise("PATCH", path, json={"email": other["email"].upper()})
        assert (taken.status_code, taken.json()["code"]) == (409, "recipient_exists")
        wrong = await v.organise("PATCH", path, json={"email": "nobody"})
        assert wrong.json()["errors"][0]["field"] == "email"
        elsewhere = await v.campaign(title="Elsewhere")
        foreign = path.replace(campaign["id"], elsewhere["id"])
        assert (await v.organise("PATCH", foreign, json={"title": "x"})).status_code == 404
        assert (await v.organise("DELETE", foreign)).status_code == 404


async def test_the_second_of_two_editors_is_told(visit):
    async with visit() as v:
        campaign = await v.campaign()
        made, _ = await added(v, campaign)
        seen = await v.site.db.read(own_recipients.find_recipient, campaign["id"], made["id"])
        version = own_recipients.version_of(seen)

        def change(tx, title):
            return own_recipients.change_recipient(
                tx, campaign["id"], made["id"], RecipientChange(title=title), version=version
            )

        await v.site.db.write(change, "First")
        with pytest.raises(EditConflict):
            await v.site.db.write(change, "Second")


async def test_a_table_of_recipients_is_added_whole_or_not_at_all(visit):
    async with visit() as v:
        campaign = await v.campaign()
        await added(v, campaign)
        path = f"/api/campaigns/{campaign['id']}/recipients"
        table = [{"name": "Ann", "email": "ann@example.org"}, CHAIR]
        imported = await v.organise("POST", f"{path}/import", json={"recipients": table})
        assert imported.json() == {"added": 1, "already_there": 1}
        broken = [{"name": "Bo", "email": "bo@example.org"}, {"name": "\u200b", "email": "x@y.z"}]
        refused = await v.organise("POST", f"{path}/import", json={"recipients": broken})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "recipients[1].name"
        listed = (await v.organise("GET", path)).json()["data"]
        assert [each["email"] for each in listed] == ["ann@example.org", "robin@company.example"]
        many = [NewRecipient(f"P{n}", f"p{n}@example.org") for n in range(99)]
        with pytest.raises(Conflict):
            await v.site.db.write(own_recipients.add_recipients, campaign["id"], many)
        assert len((await v.organise("GET", path)).json()["data"]) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"name,email,title\nAnn,ann@example.org,Chair\n",
        "Nom;Courriel;Fonction\r\nAnn;ann@example.org;Chair\r\n".encode("utf-16"),
        b'sep=;\n"Full name";"E-mail address";Role\nAnn;ann@example.org;Chair\n',
    ],
)
def test_a_file_is_read_as_spreadsheets_write_it(content):
    [ann] = read_recipients(io.BytesIO(content))
    assert (ann.name, ann.email, ann.title) == ("Ann", "ann@example.org", "Chair")


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"name,email\nAnn,ann\n,bo@example.org\nCy,cy@example.org\n", [2, 3]),
        (b"name,email\n" + b"x" * 201 + b",x@example.org\n", [2]),
        (b"name,email\nAnn,ann@example.org,extra\n", [2]),
        (b"", [None]),
        (b"name,email\n", [None]),
        (b"first,second\nAnn,ann@example.org\n", [None]),
        (b"name,email\n" + b"".join(b"P,p%d@example.org\n" % n for n in range(101)), [102]),
    ],
)
def test_each_line_of_a_file_that_cannot_be_used_is_named(content, lines):
    with pytest.raises(FileRejected) as rejected:
        read_recipients(io.BytesIO(content))
    assert [error.line for error in rejected.value.errors] == lines


async def test_names_of_a_file_are_one_line(visit):
    async with visit() as v:
        campaign = await v.campaign()
        read = read_recipients(io.BytesIO(b'name,email\n"Ann\nof Bcc: x\x07",ann@example.org\n'))
        await v.site.db.write(own_recipients.add_recipients, campaign["id"], read)
        listed = await v.organise("GET", f"/api/campaigns/{campaign['id']}/recipients")
        assert listed.json()["data"][0]["name"] == "Ann of Bcc: x"
        with pytest.raises(Invalid):
            await v.site.db.write(
                own_recipients.add_recipients, campaign["id"], [NewRecipient("A", "b")]
            )
