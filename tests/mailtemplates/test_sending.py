"""Mails from templates: what arrives, for whatever the template and its values are."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core import Config, MailTemplate, MailVariable, Plugin, Site, Text
from changemaker_core.features.accounts.api import create_user
from changemaker_core.features.accounts.users.models import User
from changemaker_core.features.accounts.users.queries import account_by_id
from changemaker_core.features.mailtemplates import services
from changemaker_core.features.mailtemplates.declarations import Content, check, problems_of
from changemaker_core.features.mailtemplates.rendering import LONGEST
from changemaker_core.mail import Address, Message
from changemaker_core.testing import check_mail_templates
from changemaker_influence.plugin import InfluencePlugin
from tests.accounts.joining.mailbox import Mailbox
from tests.mailtemplates.conftest import CONFIRM, ParksPlugin

TO = Address("Ada", "ada@example.org")
VALUES = {each.name: each.sample for each in CONFIRM.variables}


def message(site, locale=None, **values):
    return CONFIRM.message(site, to=TO, locale=locale, values={**VALUES, **values})


def store(site, content, language="en"):
    def save(tx):
        services.save(tx, CONFIRM.name, language, content, seen=None, shipped_hash="")

    site.db.sync.write(save)


def test_a_mail_says_in_html_what_it_says_in_text(site):
    mail = message(site, name="<b>Ada</b>\r\nBcc: x@example.org", note="")
    assert mail.automatic
    assert mail.subject == "Please confirm, <b>Ada</b> Bcc: x@example.org"
    assert mail.text == (
        "Hello <b>Ada</b> Bcc: x@example.org,\n\nConfirm until June 1, 2030, 12:00\u202fPM:\n"
        "https://act.example.org/confirm\n\nSee https://example.org/help.\n"
    )
    assert "Hello &lt;b&gt;Ada&lt;/b&gt;" in mail.html
    link = "https://act.example.org/confirm"
    assert f'<br>\n<a href="{link}">{link}</a></p>' in mail.html
    assert '<a href="https://example.org/help">https://example.org/help</a>.</p>' in mail.html
    assert "<script" not in mail.html
    assert "2px solid #0d5f58" in mail.html


def test_what_others_wrote_is_no_link(site):
    store(
        site, Content("x", "{{ name }} {{ note }} https://a.example/{{ name }} {{ confirm_url }}")
    )
    mail = message(site, name="https://evil.example", note="javascript:alert(1)")
    assert mail.html.count("<a ") == 2  # the confirmation, and the frame's own
    assert 'href="https://evil' not in mail.html
    assert 'href="https://a.example' not in mail.html


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("locale", "first"),
    [("en", "Ours"), ("fr-CA", "Québec"), ("fr", "France"), ("fr-BE", "France"), ("de", "Ours")],
)
def test_the_closest_language_is_sent(site, locale, first):
    for language, word in {"en": "Ours", "fr": "France", "fr-CA": "Québec"}.items():
        store(site, Content(word, "{{ confirm_url }}"), language)
    mail = message(site, locale)
    assert mail.subject == first
    assert f'<html lang="{"en" if first == "Ours" else "fr-CA" if "-CA" in locale else "fr"}">' in (
        mail.html
    )


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"until": "tomorrow"}, TypeError),
        ({"until": datetime(2030, 1, 1)}, ValueError),
        ({"confirm_url": "parks/confirm"}, ValueError),
        ({"confirm_url": "javascript:alert(1)"}, ValueError),
        ({"confirm_url": "https://a.example/\nBcc: b"}, ValueError),
        ({"nmae": "Ada"}, TypeError),
    ],
)
def test_a_wrong_value_is_the_plugins_error(site, values, error):
    with pytest.raises(error, match=next(iter(values))):
        message(site, **values)


def test_a_stored_text_that_became_wrong_stops_no_mail(site, caplog):
    store(site, Content("{{ gone }}", "{{ confirm_url }}"))
    with caplog.at_level(logging.ERROR):
        assert message(site).subject == "Please confirm, Ada"
        assert message(site).subject == "Please confirm, Ada"
    (logged,) = [each for each in caplog.records if "parks.confirm" in each.message]
    assert "There is no variable {{ gone }}" in logged.message
    store(site, None)
    assert message(site).subject == "Please confirm, Ada"


_NAMES = ("name", "note", "until", "confirm_url", "organisation", "site_url")
_TEMPLATES = st.lists(
    st.sampled_from(
        [
            *(f" {{{{ {name} }}}} " for name in _NAMES),
            *(f"{{% if {name} %}}" for name in _NAMES),
            *(
                "{% else %}",
                "{% endif %}",
                "\n",
                "\r\n",
                "\n\n",
                "<b>",
                "https://",
                "x.example/",
                "&",
            ),
        ]
    )
    | st.text(max_size=10),
    max_size=40,
).map("".join)
_LINES = st.text() | st.sampled_from(
    ["\r\nBcc: x@example.org", "\u202e\u200b", "\ud800", "=?utf-8?q?x=0D=0A?="]
)


@given(
    subject=_TEMPLATES,
    text=_TEMPLATES,
    name=_LINES,
    note=_LINES.map(lambda text: text * 1_000) | _LINES,
    until=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 2)) | st.none(),
    path=st.from_regex(r"[\w/?=&%.~+-]{0,50}", fullmatch=True),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_accepted_is_sent_whatever_the_values_are(
    unconnected, subject, text, name, note, until, path
):
    checked = check(CONFIRM, Content(subject, text + " {{ confirm_url }}"))
    if checked.mistakes:
        return
    url = f"https://x.example/{path}"
    values = {"name": name, "note": note, "until": until, "confirm_url": url}
    mail = CONFIRM.render(unconnected, checked, CONFIRM.complete(unconnected, values), "fr")
    assert len(mail.text) <= LONGEST + 1
    sent = Message(to=TO, subject=mail.subject, text=mail.text, html=mail.html).as_bytes(TO)
    read = message_from_bytes(sent, policy=policy.default)
    assert set(read.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    }  # fmt: skip


@pytest.fixture(scope="module")
def unconnected(tmp_path_factory):
    """A site that no test reads the database of."""
    site = Site(
        Config(site_dir=tmp_path_factory.mktemp("site"), secret_key="s" * 40), [ParksPlugin]
    )
    yield site
    site.close()


#: Which many mail programs do not end an address at.
UNICODE_SPACES = "\t\x0b\x0c\x1c\x85\u1680\u2003\u2028\u202f\u3000\u200b"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("{{ link }}", []),
        ("Open\n{{ link }}\nnow", []),
        ("Open ({{ link }}).", []),
        ("Open “{{ link }}”, {{ name }}", []),
        ("{% if name %}\nOpen {{ link }}{% else %}{{ link }}{% endif %}.\nNow", []),
        ("https://evil.example/?{{ link }}", [1]),
        ("\nhttps://evil.example/?u={% if name %}{{ link }}{% endif %}", [2]),
        ("https://evil.example/?{% if name %} {% else %}{{ link }}{% endif %}", [1]),
        ("https://evil.example/?{% if name %}\n{% endif %}{{ link }}", [2]),
        ("https://evil.example/{{ name }}{{ link }}", [1]),
        ("{{ link }}@evil.example", [1]),
        ("{{ link }}.evil.example", [1]),
        ("{{ link }}{% if name %}.{% endif %}evil.example", [1]),
        ("{{ link }}{{ name }}", [1]),
        ("evil.example:{{ link }}", [1]),
        ("https://evil.example/?u=({{ link }}", [1]),
        ("https://evil.example/?u='{{ link }}'", [1]),
        ("https://evil.example/?u=“«{{ link }}»", [1]),
        ("https://evil.example/?u={% if name %}[{% endif %}<{{ link }}", [1]),
        ("<https://evil.example/?u= {{ link }}>", [1]),
        ('"https://evil.example/?u=\n{{ link }}"', [2]),
        ('{% if name %}"{% endif %}https://evil.example/?u= {{ link }}"', [1]),
        ('"Help": <https://example.org/help>, and "{{ link }}"', []),
        ('It says "Go to: {{ link }}", 5" or <3\n\nhttps://example.org {{ link }}', []),
        ("({{ link }})\n«\u00a0{{ link }}\u00a0»", []),
        ("Here:\r\n{{ link }}\r\n", []),
        *((f"https://evil.example/?{each}{{{{ link }}}}", [1]) for each in UNICODE_SPACES),
        *((f"{{{{ link }}}}{each}@evil.example", [1]) for each in UNICODE_SPACES),
        ("<https://evil.example/?\n\u2003\n{{ link }}>", [3]),
        ("<mailto:evil@example.net?body=\n{{ link }}\n>", [2]),
        ("<evil.example/?\n{{ link }}\n>", [2]),
    ],
)
def test_what_touches_a_link_is_refused(text, lines):
    variables = (
        MailVariable("name", Text("The name"), "Ada"),
        MailVariable("link", Text("The link"), "https://act.example.org/x", kind="url"),
    )
    checked = check(declared(variables=variables), Content("Hello", text))
    assert [each.line for each in checked.mistakes] == lines, checked.mistakes


@given(
    st.text("\"'(<[«“„", min_size=0, max_size=4),
    st.sampled_from(["u=", "/", "?", "&x", "@", "."]),
    st.sampled_from(
        ["{}", "{{% if name %}}{}{{% endif %}}", "{{% if name %}}{{% else %}}{}{{% endif %}}"]
    ),
)
def test_no_bracket_or_quotation_mark_makes_a_link_stand_by_itself(marks, end, wrapped):
    variables = (
        MailVariable("name", Text("The name"), "Ada"),
        MailVariable("link", Text("The link"), "https://act.example.org/x", kind="url"),
    )
    text = f"https://evil.example/{end}{wrapped.format(marks)}{{{{ link }}}}"
    assert check(declared(variables=variables), Content("Hello", text)).mistakes


def declared(**changes):
    options = {
        "category": Text("Parks"),
        "title": Text("A mail"),
        "subject": Text("Hello"),
        "text": Text("Hello {{ name }}"),
        "variables": (MailVariable("name", Text("The name"), "Ada"),),
    }
    return MailTemplate("parks.mail", **{**options, **changes})


def variable(name="name", sample="Ada", **options):
    return (MailVariable(name, Text("The name"), sample, **options),)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"text": Text("Hello {{ nmae }}")}, "Did you mean {{ name }}?"),
        ({"text": "Hello"}, "cannot be translated"),
        ({"text": Text(" ")}, "Write something"),
        ({"text": Text("x" * 5_001)}, "Write at most 5000 characters"),
        ({"subject": Text("one\ntwo")}, "Write the subject on one line."),
        ({"variables": variable(kind="lines"), "subject": Text("{{ name }}")}, "several lines"),
        (
            {
                "variables": variable(sample="https://x.example", kind="url"),
                "subject": Text("{{ name }}"),
            },
            "belongs into the text",
        ),
        ({"text": Text("Hi"), "variables": variable(required=Text("Why."))}, "must be in the text"),
        (
            {
                "text": Text("{% if name %}{{ name }}{% endif %}"),
                "variables": variable(required=Text("Why.")),
            },
            "outside of conditions: Why.",
        ),
        ({"variables": variable("not")}, "variable 'not'"),
        ({"variables": variable("Name")}, "variable 'Name'"),
        ({"variables": variable("site_url")}, "twice"),
        ({"variables": variable() * 2}, "twice"),
        ({"variables": variable(kind="html")}, "kind 'html'"),
        ({"variables": variable(sample="/x", kind="url")}, "wrong sample"),
        ({"variables": variable(kind="time")}, "wrong sample"),
        (
            {"variables": variable("place"), "reader": account_by_id, "text": Text("{{ place }}")},
            "lack 'place'",
        ),
    ],
)
def test_a_wrong_declaration_is_found_when_the_site_is_built(changes, problem):
    assert [each for each, _ in problems_of(declared(**changes)) if problem in each]
    assert list(problems_of(declared())) == []


class WelcomePlugin(Plugin):
    """A plugin whose mail is sent to a row that its query finds."""

    name = "welcome"
    contributes = (
        MailTemplate(
            "welcome.mail",
            category=Text("Welcome"),
            title=Text("Welcome"),
            subject=Text("Welcome"),
            text=Text("Hello {{ name }}"),
            variables=variable(),
            reader=account_by_id,
        ),
    )


async def test_a_mail_is_sent_to_whom_its_query_finds_by_then(open_app):
    async with open_app(WelcomePlugin) as app:
        (template,) = WelcomePlugin.contributes
        mailbox = Mailbox(app.site)
        ids = [
            (await asyncio.to_thread(create_user, app.site, email=email, name="S", role="USER"))[0]
            for email in ("stays@example.org", "goes@example.org")
        ]

        def change(tx):
            for id in ids:
                template.send(tx, id)
            User.update(name="Sam").where(User.id == ids[0]).execute()
            User.delete().where(User.id == ids[1]).execute()

        await app.site.db.write(change)
        ((to, _, text),) = await mailbox.new()
        assert (to, "Hello Sam" in text) == ("Sam <stays@example.org>", True)
        with pytest.raises(TypeError, match="reader=query"):
            await app.site.db.write(CONFIRM.send, ids[0])


def test_a_path_of_the_site_is_a_link(site):
    mail = message(site, confirm_url="/parks/confirm/1")
    assert site.url("/parks/confirm/1") in mail.text


def test_a_change_holds_for_the_next_mail_of_another_process(make_site):
    """Each site has connections and caches of its own, as processes have."""
    one, other = make_site(ParksPlugin), make_site(ParksPlugin)
    assert message(other).subject == "Please confirm, Ada"
    for number in range(3):
        store(one, Content(f"Number {number}", "{{ confirm_url }}"))
        assert message(other).subject == f"Number {number}"
    store(one, None)
    assert message(other).subject == "Please confirm, Ada"


@pytest.mark.database("sqlite")
def test_every_mail_of_core_and_influence_can_be_made_in_each_language(make_site):
    check_mail_templates(make_site(InfluencePlugin))
