"""Pages rendered without a server: the real templates, a stand-in for the rest of the site."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from changemaker_core import NavigationEntry, Plugin, qr_svg
from changemaker_core.settings.fields import fields_of
from changemaker_core.text import Text
from changemaker_core.web import Form, StaticFiles, Templates, Translations
from changemaker_core.web.filters import paragraphs
from changemaker_influence.directories import postal_codes
from changemaker_influence.emails.consent import consent_to
from changemaker_influence.emails.links.telephone import tel
from changemaker_influence.emails.submission import CONSENT_MISSING

ROOT = Path(__file__).parents[2]
INFLUENCE = ROOT / "plugins/influence/changemaker_influence"
NOON = datetime(2026, 7, 1, 16, 0, tzinfo=UTC)

Render = Callable[..., str]


def _settings(group: type[Any], config: Any) -> Any:
    """The operator's values, and the defaults for the rest."""
    locked = {name: field.setting.config for name, field in fields_of(group).items()}
    return group(**{name: getattr(config, key) for name, key in locked.items() if key})


def build_site(*plugins: tuple[str, Path], **config: Any) -> SimpleNamespace:
    """What the web room needs of a site."""
    defaults = {
        "organisation": "Prairie Transit Alliance",
        "base_url": "https://act.example.org",
        "default_locale": "en",
        "region": "CA",
        "time_zone": "America/Edmonton",
        "development": False,
        "site_dir": Path("/nonexistent"),
        "static_url": None,
    }
    site = SimpleNamespace(
        config=SimpleNamespace(**{**defaults, **config}),
        loaded=SimpleNamespace(
            plugins=[
                SimpleNamespace(name=name, folder=folder, instance=Plugin(), core=False)
                for name, folder in plugins
            ],
            contributions=lambda kind: [],
        ),
    )
    site.settings = SimpleNamespace(
        current=lambda group: _settings(group, site.config), follow=lambda update: update()
    )
    site.default_locale = site.config.default_locale
    site.routes = list
    site.navigation = [NavigationEntry(Text("Campaigns"), "/campaigns")]
    site.translations = Translations(site)
    site.static = StaticFiles(site)
    site.templates = Templates(site)
    return site


@pytest.fixture(scope="session")
def site() -> SimpleNamespace:
    return build_site(("influence", INFLUENCE))


@pytest.fixture
def site_of() -> Callable[..., SimpleNamespace]:
    return build_site


@pytest.fixture
def render(site: SimpleNamespace) -> Render:
    def rendered(name: str, context: Mapping[str, Any], locale: str = "en", **how: str) -> str:
        return str(site.templates.render(name, context, locale=locale, **how))

    return rendered


CAMPAIGN = {
    "slug": "keep-the-42-running",
    "title": "Keep the 42 bus running",
    "description": (
        "The council votes on August 12 on ending evening service on route 42. Four thousand people"
        " ride it home from work.\n\nTell the people who represent you that the last bus matters."
    ),
    "call_to_action": "",
    "email_subject": "Please keep evening service on route 42",
    "placeholder": "{recipient_name}",
    "email_body": (
        "I am writing to ask you to keep the 42 running after 8 p.m.\n\nMany of my neighbours work"
        " evenings and have no other way home.\n\nThank you for reading this."
    ),
    "language": "en",
    "allow_smtp_email": True,
    "allow_mailto_link": True,
    "allow_email_editing": False,
    "show_email_count": True,
    "shown": "",
}
REPRESENTATIVES: list[dict[str, Any]] = [
    {
        "key": "a1",
        "name": "Avery Tremblay-Sample",
        "email": "avery.tremblay@parl.example.ca",
        "can_email": True,
        "level": "FEDERAL",
        "elected_office": "MP",
        "district_name": "Mississauga—Lakeshore",
        "party_name": "Sample Party",
        "offices": [
            {"type": "legislature", "tel": "1 613 555-0100", "fax": "", "postal": "Ottawa"},
            {"type": "constituency", "tel": "1 905 555-0110", "fax": "", "postal": ""},
        ],
    },
    {
        "key": "b2",
        "name": "Jordan Okafor-Sample",
        "email": "jordan.okafor@ola.example.ca",
        "can_email": True,
        "level": "PROVINCIAL",
        "elected_office": "MPP",
        "district_name": "Mississauga—Lakeshore",
        "party_name": "Example Party",
        "offices": [{"type": "legislature", "tel": "1 416 555-0120", "fax": "", "postal": ""}],
    },
    {
        "key": "c3",
        "name": "Riley Sample",
        "email": None,
        "can_email": False,
        "level": "MUNICIPAL",
        "elected_office": "Mayor",
        "district_name": "Mississauga",
        "party_name": "",
        "offices": [{"type": "legislature", "tel": "1 905 555-0130", "fax": "", "postal": ""}],
    },
    {
        "key": "d4",
        "name": "Casey Sample",
        "email": "ward1@mississauga.example.ca",
        "can_email": True,
        "level": "MUNICIPAL",
        "elected_office": "Councillor",
        "district_name": "Ward 1",
        "party_name": "",
        "offices": [],
    },
]


def choice(*people: dict[str, Any]) -> dict[str, Any]:
    """People behind one mailbox, as the page offers them."""
    first, written = people[0], people[0]["can_email"]
    return {
        **{name: first[name] for name in ("key", "can_email", "level")},
        "all_keys": [person["key"] for person in people],
        "mailto": f"mailto:{first['email']}?subject=Route%2042" if written else None,
        "to_copy": None,
        "people": [
            {**person, "calls": [(office, tel(office["tel"])) for office in person["offices"]]}
            for person in people
        ],
    }


LOOKUP = {
    "postal_code": "L5G 4L3",
    "city": "Mississauga",
    "province": "ON",
    "source": "cache",
    "cached_at": NOON,
    "ambiguous": False,
    "representatives": [choice(person) for person in REPRESENTATIVES],
}


def campaign_context(**changes: Any) -> dict[str, Any]:
    """The campaign page as somebody first sees it."""
    return {
        "campaign": CAMPAIGN,
        "description": paragraphs(str(CAMPAIGN["description"])),
        "email_count": 1284,
        "goal": None,
        "ticked": ["a1"],
        "postal_code": "",
        "lookup": None,
        "lookup_problem": None,
        "custom_recipients": [],
        "asks_postal_code": True,
        "mentions_postal_code": False,
        "ask_here": False,
        "search_page": postal_codes.search_page,
        "letters": [],
        "again_at": None,
        "form": None,
        "consent": consent_to(postal_code=True).text,
        **changes,
    }


def failed_form() -> Form[Any]:
    """A form that was sent with two mistakes."""
    form: Form[Any] = Form(
        {"sender_name": "Sam <b>Rider</b>", "sender_email": "sam@", "recipients": ["b2"]}
    )
    form.reject("sender_email", Text("Enter an email address such as name@example.org."))
    form.reject("consent", CONSENT_MISSING)
    return form


def status_context(*statuses: str) -> dict[str, Any]:
    """The status page of one message for each status."""
    people = [person["name"] for person in REPRESENTATIVES]
    return {
        "emails": [
            {
                "id": f"id-{number}",
                "status": status,
                "send_after": None,
                "recipient_name": people[number],
                "sent_at": NOON if status == "SENT" else None,
            }
            for number, status in enumerate(statuses)
        ],
        "thank_you": "Thank you all.",
        "final": not {"QUEUED", "SENDING"} & set(statuses),
        "campaign": {name: CAMPAIGN[name] for name in ("slug", "title", "language")},
        "share_url": "https://act.example.org/campaigns/keep-the-42-running",
        "qr_svg": qr_svg("https://act.example.org/campaigns/keep-the-42-running", "QR code"),
    }


def _cards() -> list[dict[str, Any]]:
    french = {
        "slug": "des-trains-de-nuit",
        "title": "Des trains de nuit pour le Québec",
        "description": "Demandez à vos élus de remettre sur les rails le train de nuit.",
        "cover_photo": None,
        "email_count": 1,
        "language": "fr",
    }
    english = {**CAMPAIGN, "cover_photo": None, "email_count": 1284}
    other = {
        **english,
        "slug": "clean-water",
        "title": "Clean water for every school",
        "description": "Lead pipes remain in 212 schools. Ask for a date.",
        "email_count": None,
    }
    return [english, french, other]


def _mail(subject: str, number: int) -> dict[str, Any]:
    return {"id": f"m{number}", "subject": subject, "to": "avery@parl.example.ca", "sent_at": NOON}


#: Every page in every state worth looking at: name → (template, context).
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "list": (
        "influence/campaign_list.html",
        {"campaigns": _cards(), "home": True, "introduction": "Come in."},
    ),
    "list-empty": (
        "influence/campaign_list.html",
        {"campaigns": [], "home": False, "introduction": None},
    ),
    "campaign": ("influence/campaign.html", campaign_context()),
    "campaign-bad-code": (
        "influence/campaign.html",
        campaign_context(
            postal_code="12345",
            lookup_problem=Text("This is not a Canadian postal code, such as K1A 0A1."),
        ),
    ),
    "campaign-chosen": (
        "influence/campaign.html",
        campaign_context(postal_code="l5g 4l3", lookup=LOOKUP),
    ),
    "campaign-shared": (
        "influence/campaign.html",
        campaign_context(
            postal_code="l5g 4l3", lookup={**LOOKUP, "representatives": [choice(*REPRESENTATIVES)]}
        ),
    ),
    "campaign-anywhere": (
        "influence/campaign.html",
        campaign_context(
            asks_postal_code=False,
            mentions_postal_code=True,
            ask_here=True,
            custom_recipients=[{"key": "z", "name": "Transit Board", "title": "", "mailto": None}],
        ),
    ),
    "campaign-doubtful": (
        "influence/campaign.html",
        campaign_context(
            postal_code="l5g 4l3",
            lookup={**LOOKUP, "ambiguous": True, "source": "cache_stale"},
            custom_recipients=[
                {"key": "z", "name": "Transit Board", "title": "Chair", "mailto": None}
            ],
            campaign={**CAMPAIGN, "allow_email_editing": True, "allow_mailto_link": False},
        ),
    ),
    "campaign-errors": (
        "influence/campaign.html",
        campaign_context(postal_code="L5G 4L3", lookup=LOOKUP, form=failed_form()),
    ),
    "status-on-its-way": ("influence/email_status.html", status_context("QUEUED", "SENDING")),
    "status-sent": ("influence/email_status.html", status_context("SENT")),
    "status-troubled": (
        "influence/email_status.html",
        status_context("SENT", "FAILED", "UNKNOWN"),
    ),
    "not-open": (
        "influence/campaign_closed.html",
        {"campaign": CAMPAIGN, "description": "Why", "reason": "paused"},
    ),
    "error": (
        "error.html",
        {
            "status": 404,
            "title": Text("Not found"),
            "detail": None,
            "errors": [],
            "request_id": "0190f3c2",
            "debug": [],
        },
    ),
    "mailbox": (
        "operations/mailbox.html",
        {"messages": [_mail("Please keep evening service", 1), _mail("", 2)]},
    ),
    "mailbox-message": (
        "operations/mailbox_message.html",
        {
            "message": {
                **_mail("Please keep evening service", 1),
                "headers": [("From", "noreply@act.example.org"), ("Reply-To", "sam@example.org")],
                "text": "I am writing to ask you\n\nThank you",
                "has_html": True,
            }
        },
    ),
}


@pytest.fixture
def pages() -> dict[str, tuple[str, dict[str, Any]]]:
    """A copy of ``PAGES`` that a test may change."""
    return dict(PAGES)


@pytest.fixture(params=PAGES)
def any_page(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return PAGES[request.param]
