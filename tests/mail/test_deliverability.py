"""What ``doctor`` says of a sender's domain, by look-ups at a name server of the test."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from changemaker_core.config import Config
from changemaker_core.config.dkim_key import record_value, zone_line
from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.mail import Address, deliverability
from changemaker_core.mail.deliverability import findings
from changemaker_core.mail.dkim import DkimSigner
from changemaker_core.mail.dns_records import Dns
from tests.mail.name_server import NameServer

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_core.diagnostics import Finding

DOMAIN = "mail.parks.ca"
#: It includes itself.
CIRCLE = '"v=spf1 include:mail.parks.ca mx -all"'
KEY = generate_private_key(public_exponent=65537, key_size=2048)
SIGNER = DkimSigner("changemaker", KEY)
SPF, DKIM, DMARC, MX = (
    (DOMAIN, "TXT"),
    (f"changemaker._domainkey.{DOMAIN}", "TXT"),
    (f"_dmarc.{DOMAIN}", "TXT"),
    (DOMAIN, "MX"),
)


def texts(value: str) -> str:
    """A TXT record as a zone file has it."""
    return zone_line("x", value).partition(" IN TXT ")[2]


#: Each includes the next one, and there are more of them than a stack is deep.
CHAIN = {(f"n{n}.ca", "TXT"): [f'"v=spf1 include:n{n + 1}.ca -all"'] for n in range(1500)}
#: What every name server of the public DNS knows.
PUBLIC = {("ca", "NS"): ["any.ca-servers.ca."]}
GOOD = {
    **PUBLIC,
    SPF: ['"google-site-verification=abc"', '"v=spf1 a:mx.parks.ca ~all"'],
    DKIM: [texts(record_value(KEY))],
    DMARC: ['"v=DMARC1; p=quarantine; rua=mailto:d@parks.ca"'],
    MX: ["10 mx.parks.ca."],
}


def found(server: NameServer, selector: str | None = "changemaker") -> dict[str, Finding]:
    """The findings, by what they are about."""
    made = list(findings(Dns(server.resolver()), DOMAIN, "smtp.parks.ca", selector, SIGNER))
    assert len(made) == 4
    return dict(zip(("spf", "dkim", "dmarc", "mx"), made, strict=True))


def test_a_domain_with_all_records_has_no_warning() -> None:
    with NameServer(GOOD) as server:
        assert {each.status for each in found(server).values()} == {"ok"}


def test_what_is_missing_is_printed_as_the_record_to_add() -> None:
    with NameServer(PUBLIC) as server:
        first = found(server)
    assert {each.status for each in first.values()} == {"warning"}
    added = {}
    for finding in first.values():
        if line := re.search(r"(\S+)\. IN TXT ((?:\"[^\"]*\" ?)+)", finding.fix):
            added[line[1], "TXT"] = [line[2]]
    assert set(added) == {SPF, DKIM, DMARC}
    assert added[SPF] == ['"v=spf1 a:smtp.parks.ca ~all"']
    with NameServer(PUBLIC | added | {MX: GOOD[MX]}) as server:  # word for word
        assert {each.status for each in found(server).values()} == {"ok"}


@pytest.mark.parametrize(
    ("about", "records", "status", "says"),
    [
        ("spf", {SPF: ['"v=spf1 -all"', '"v=spf1 ~all"']}, "warning", "2 SPF records"),
        ("spf", {SPF: ['"v=spf1 +all"']}, "warning", "every server"),
        ("spf", {SPF: ['"v=spf1 mx all"']}, "warning", "every server"),
        ("spf", {SPF: ['"v=spf1 a" " mx -all"']}, "ok", "2 of 10"),  # texts are joined
        ("spf", {SPF: ['"v=spf10 a"']}, "warning", "no SPF record"),
        ("spf", {SPF: ['"v=spf1' + " mx" * 11 + ' -all"']}, "warning", "more than 10"),
        ("spf", {SPF: [CIRCLE]}, "ok", "4 of 10"),
        ("spf", CHAIN | {SPF: ['"v=spf1 include:n0.ca -all"']}, "warning", "more than 10"),
        ("dkim", {DKIM: ['"v=DKIM1; p="']}, "warning", "no DKIM key"),
        ("dkim", {DKIM: ['"v=DKIM1; k=rsa; p=MIGf"']}, "warning", "another key"),
        ("dmarc", {DMARC: ['"v=DMARC1; rua=mailto:x@parks.ca"']}, "warning", "no p="),
        ("dmarc", {DMARC: ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']}, "warning", "no DMARC"),
        (
            "dmarc",
            {DMARC: [], ("_dmarc.parks.ca", "TXT"): ['"v=DMARC1; p=reject; sp=none"']},
            "ok",
            "p=none, by _dmarc.parks.ca",
        ),
        ("mx", {MX: ["0 ."]}, "warning", "takes no mail"),
        ("mx", {MX: [], (DOMAIN, "A"): ["192.0.2.1"]}, "ok", "takes mail"),
        ("mx", {MX: []}, "warning", "no mail server"),
    ],
)
def test_records(about: str, records: dict, status: str, says: str) -> None:
    with NameServer(GOOD | records) as server:
        finding = found(server)[about]
    assert (finding.status, says in finding.detail) == (status, True), finding


def test_a_mail_server_that_signs_is_looked_up_by_its_selector() -> None:
    with NameServer(GOOD) as server:
        dns = Dns(server.resolver())
        _, dkim, *_ = findings(dns, DOMAIN, "smtp.parks.ca", "changemaker", None)
        assert dkim.status == "ok"
        _, dkim, *_ = findings(dns, DOMAIN, "smtp.parks.ca", None, None)
        assert "dkim_selector" in dkim.fix


@pytest.mark.parametrize("trouble", ["fails", "hangs", "closed"])
def test_without_a_name_server_doctor_could_not_look(trouble: str) -> None:
    with NameServer({}, fails=trouble == "fails", hangs=trouble == "hangs") as server:
        began = time.monotonic()
        dns = Dns(server.resolver(), seconds=0.3)
        (finding,) = findings(dns, DOMAIN, "smtp.parks.ca", "changemaker", SIGNER)
        took = time.monotonic() - began
    assert finding.status == "warning"
    assert "could not be looked up" in finding.detail
    assert took < 10  # the bound, and a busy machine


def test_a_name_that_cannot_be_read_hides_no_other_finding() -> None:
    records = GOOD | {SPF: ['"v=spf1 include:a..b -all"']}
    with NameServer(records) as server:
        made = found(server)
    assert [each.status for each in made.values()] == ["warning", "ok", "ok", "ok"]
    assert f"SPF of {DOMAIN} could not be looked up" in made["spf"].detail


def test_what_a_stranger_wrote_is_one_line_of_the_terminal() -> None:
    record = r'"v=spf1 mx -all \027[2J\010ERROR"'
    with NameServer(GOOD | {SPF: [record]}) as server:
        detail = found(server)["spf"].detail
    assert "\x1b" not in detail and "\n" not in detail


@pytest.mark.parametrize(
    ("smtp_url", "mail_from", "sends"),
    [
        ("smtp://smtp.provider.ca:587", f"site@{DOMAIN}", "a:smtp.provider.ca"),
        ("smtp://localhost:25", f"Parks <site@{DOMAIN}>", "a:act.parks.ca"),
        ("smtp://203.0.113.5:25", f"site@{DOMAIN}", "ip4:203.0.113.5"),
        ("smtp://[2001:db8::25]:25", f"site@{DOMAIN}", "ip6:2001:db8::25"),
        ("smtp://localhost:25", "site@example.org", None),
        ("smtp://localhost:25", "site@intranet", None),
        (None, f"site@{DOMAIN}", None),
    ],
)
def test_the_sender_and_its_server_are_those_of_the_site(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    smtp_url: str | None,
    mail_from: str,
    sends: str | None,
) -> None:
    config = Config.for_tests(tmp_path, base_url="https://act.parks.ca")
    server = None if smtp_url is None else SmtpUrl.parse(smtp_url)
    chosen = SimpleNamespace(sender=Address.parse(mail_from), server=server)
    choice = SimpleNamespace(signer=None)
    site = SimpleNamespace(config=config, mail_settings=chosen, mail_choice=choice)
    with NameServer(PUBLIC) as names:
        monkeypatch.setattr(deliverability, "Dns", lambda: Dns(names.resolver()))
        made = list(deliverability.check_deliverability(cast("Any", site)))
    if sends is None:
        assert (made, names.asked) == ([], [])
    else:
        assert f'"v=spf1 {sends} ~all"' in made[0].fix
