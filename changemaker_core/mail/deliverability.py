"""What ``changemaker doctor`` checks of the sender's domain: what receivers look up before they
accept its mail (SPF, DKIM, DMARC), with the record to add."""

from __future__ import annotations

import re
from ipaddress import ip_address
from textwrap import shorten
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from changemaker_core.config.characters import visible_lines
from changemaker_core.config.dkim_key import public_part, record_name, record_value, zone_line
from changemaker_core.diagnostics import Finding
from changemaker_core.mail.dns_records import (
    SPF_LOOKUPS,
    CouldNotLook,
    Dns,
    dmarc_record,
    spf_all,
    spf_lookups,
    spf_records,
    tags_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.mail.dkim import DkimSigner
    from changemaker_core.site import Site

#: Domains that are nobody's (RFC 2606, RFC 6761, RFC 6762).
_NOT_PUBLIC: Final = re.compile(
    r"[^.]*|.*\.(?:localhost|test|example|invalid|local|internal)|(?:.*\.)?example\.(?:com|net|org)"
)


def check_deliverability(site: Site) -> Iterator[Finding]:
    """Report what is missing for mail of this domain to be accepted. Sends nothing."""
    chosen = site.mail_settings
    domain = chosen.sender.domain
    if chosen.server is None or _NOT_PUBLIC.fullmatch(domain):
        return
    host = chosen.server.host
    sends = urlsplit(site.config.base_url).hostname if chosen.server.is_local else host
    selector, signer = site.config.dkim_selector, site.mail_choice.signer
    yield from findings(Dns(), domain, sends or domain, selector, signer)


def findings(
    dns: Dns, domain: str, sends: str, selector: str | None, signer: DkimSigner | None
) -> Iterator[Finding]:
    """Yield the findings about ``domain``, whose mail ``sends`` hands over."""
    checks: dict[str, Callable[[], Finding]] = {
        "SPF": lambda: _spf(dns, domain, sends),
        "DKIM": lambda: _dkim(dns, domain, selector, signer),
        "DMARC": lambda: _dmarc(dns, domain),
        "The mail server (MX)": lambda: _bounces(dns, domain),
    }
    try:
        dns.require_public(domain)
    except CouldNotLook as error:
        yield _could_not_look(f"The records of {domain}", error)
        return
    for what, check in checks.items():
        try:
            yield check()
        except CouldNotLook as error:
            yield _could_not_look(f"{what} of {domain}", error)


def _could_not_look(what: str, error: CouldNotLook) -> Finding:
    detail = f"{what} could not be looked up: {error}."
    return Finding("warning", detail, "Run doctor again where the DNS can be reached.")


def _spf(dns: Dns, domain: str, sends: str) -> Finding:
    found = spf_records(dns, domain)
    if not found:
        detail = f"{domain} has no SPF record: receivers do not know which servers send its mail."
        allowed = _mechanism(sends)
        line = zone_line(domain, f"v=spf1 {allowed} ~all")
        fix = f"Add {line}. Where a provider sends your mail, write its include: for {allowed}."
        return Finding("warning", detail, fix)
    if len(found) > 1:
        detail = f"{domain} has {len(found)} SPF records, so that receivers use none."
        return Finding("warning", detail, f"Merge them into one: {_shown('  '.join(found))}")
    (record,) = found
    if (count := spf_lookups(dns, record)) > SPF_LOOKUPS:
        detail = (
            f"The SPF record of {domain} needs more than {SPF_LOOKUPS} look-ups: {_shown(record)}"
        )
        return Finding("warning", detail, "Receivers stop there. Remove what you do not use.")
    if spf_all(record) == "+":
        detail = f"The SPF record of {domain} lets every server send its mail: {_shown(record)}"
        return Finding("warning", detail, "End it with ~all or -all in place of +all.")
    return Finding("ok", f"SPF of {domain}: {_shown(record)} ({count} of {SPF_LOOKUPS} look-ups)")


def _mechanism(sends: str) -> str:
    """Return what an SPF record says of a server, by its name or address (RFC 7208, 5.3, 5.6)."""
    try:
        address = ip_address(sends)
    except ValueError:
        return f"a:{sends}"
    return f"ip{address.version}:{address}"


def _dkim(dns: Dns, domain: str, selector: str | None, signer: DkimSigner | None) -> Finding:
    if selector is None:
        detail = (
            "The site does not sign its mail (DKIM); whether your mail server does is not known."
        )
        fix = (
            "`changemaker mail dkim-key` makes a key and says what to add. Where the mail server "
            "signs, set dkim_selector to its selector (s= in a header DKIM-Signature)."
        )
        return Finding("warning", detail, fix)
    name = record_name(selector, domain)
    keys = [tags_of(text).get("p", "") for text in dns.texts(name)]
    published = [key for key in keys if key]
    fix = f"Add {zone_line(name, record_value(signer.key))}" if signer is not None else ""
    if not published:
        fix = fix or "Add the record that your mail server or its provider shows."
        return Finding("warning", f"{name} has no DKIM key: no signature can be verified.", fix)
    if signer is not None and public_part(signer.key) not in published:
        detail = f"{name} has another key than dkim_key_file: every signature is wrong."
        return Finding("warning", detail, f"{fix} in place of what is there.")
    whose = "this site's key" if signer is not None else "a key"
    return Finding("ok", f"DKIM: {name} has {whose}.")


def _dmarc(dns: Dns, domain: str) -> Finding:
    found = dmarc_record(dns, domain)
    if found is None or "p" not in found[1]:
        detail = f"{domain} has no DMARC record, which large receivers require."
        if found is not None:
            detail = f"The DMARC record of {found[0]} has no p=, so that receivers ignore it."
        line = zone_line(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}")
        fix = f"Add {line}. Reports go to that address; change it to one that you read."
        return Finding("warning", detail, fix)
    where, tags = found
    policy = tags["p"] if where == domain else tags.get("sp", tags["p"])
    return Finding("ok", f"DMARC of {domain}: p={policy}, by _dmarc.{where}.")


def _bounces(dns: Dns, domain: str) -> Finding:
    if dns.refuses_mail(domain):
        detail = (
            f"{domain} says that it takes no mail (MX of a dot): receivers refuse its mail too."
        )
        return Finding("warning", detail, "Remove that record, or send from another domain.")
    if not (dns.has(domain, "MX") or dns.has(domain, "A") or dns.has(domain, "AAAA")):
        detail = f"{domain} has no mail server (MX): bounces and replies go nowhere."
        return Finding("warning", detail, "Add an MX record, or send from another domain.")
    return Finding("ok", f"{domain} takes mail, so that bounces and replies arrive.")


def _shown(record: str) -> str:
    """A record as one line of a terminal; whoever owns the name may have written anything."""
    return shorten(visible_lines(record), width=300, placeholder=" …")
