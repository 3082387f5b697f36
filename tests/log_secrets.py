"""No password, token or email address may be in a log: looked for in all logs of a test run.

What each test leaves on standard error, servers that it started included, and what it logs are
searched at its end. What was found is printed at the end of the run, and fails it in CI (with
``--nothing-left-out``). Servers whose output is read by a test itself hand it over by ``read``.
Nothing of the project is imported here, so that plugins' tests use this file too.
"""

from __future__ import annotations

import functools
import re
import secrets
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What looks like a secret, wherever it was made.
PATTERNS = {
    "email address": re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[a-z]{2,}"),
    "access token": re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"),
    "password of a URL": re.compile(r"://[^\s/:@'\"]*:[^\s/@'\"]+@"),
    # Of letters of both cases and digits, as bytes are written for URLs; ids are hexadecimal, and
    # names of tests have more underscores.
    "token": re.compile(
        r"(?<![\w-])(?=[\w-]*[A-Z][\w-]*[A-Z])(?=[\w-]*[a-z][\w-]*[a-z])(?=[\w-]*\d[\w-]*\d)"
        r"(?!(?:[A-Za-z0-9]*[_-]){6})[\w-]{36,}(?![\w-])"
    ),
}
#: A known secret that is shorter would be found in words.
SHORTEST = 10
#: Of a token that is signed, the beginning is the signature, and enough: lines are cut.
SIGNATURE = 22
#: Lines of programs that are not ours: of aiosmtpd, the mail server of tests, with its envelopes.
FOREIGN = re.compile(r"^[A-Z]+ +mail\.log:.*$", re.MULTILINE)
#: Under this name, findings travel from a process of pytest-xdist.
FOUND = "secret in a log"


@dataclass(slots=True, eq=False)
class LogSecrets:
    """The pytest plugin: what it knows, what was logged, and where a secret was found."""

    known: set[str] = field(default_factory=set)
    logged: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    #: What was signed during one test: there are too many to look for all of them in each log.
    signed: set[str] = field(default_factory=set)

    def learn(self, secret: object) -> None:
        """Remember a secret that this process has made or was given."""
        text = secret.decode() if isinstance(secret, bytes) else secret
        if isinstance(text, str) and len(text) >= SHORTEST:
            self.known.add(text)

    def read(self, text: str) -> None:
        """Take what a server has written, whose output is not on standard error."""
        self.logged.append(text)

    def search(self, test: str, text: str) -> Iterator[str]:
        """Yield what a test's log has of secrets: never the secret itself, but its surroundings."""
        places = {
            (kind, match.span())
            for kind, pattern in PATTERNS.items()
            for match in pattern.finditer(text)
        }
        for secret in self.known | self.signed:
            if (at := text.find(secret)) >= 0:
                places.add(("known secret", (at, at + len(secret))))
        for kind, (start, end) in sorted(places, key=lambda place: place[1]):
            line = text[:start].rpartition("\n")[2][-100:]
            rest = text[end:].partition("\n")[0][:60]
            yield f"{test}: {kind} in: {line}<{text[start : start + 3]}…>{rest}"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        report = yield
        if report.when != "teardown":  # which has what was captured before, too
            return report
        for value in getattr(item, "funcargs", {}).values():
            for name in ("admin_password", "password"):  # of a site that was served
                self.learn(getattr(value, name, None))
        text = "\n".join([report.capstderr, FOREIGN.sub("", report.caplog), *self.logged])
        self.logged.clear()
        if text.strip():
            report.user_properties += [(FOUND, each) for each in self.search(item.nodeid, text)]
        self.signed.clear()
        return report

    def pytest_runtest_setup(self) -> None:
        watch_signatures(self)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.found += [str(text) for name, text in report.user_properties if name == FOUND]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.found:
            terminalreporter.section("secrets in logs", sep="=", red=True)
            for each in dict.fromkeys(self.found):
                terminalreporter.line(each)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        strict = session.config.getoption("--nothing-left-out", default=False)
        if self.found and strict and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def watch(plugin: LogSecrets) -> None:
    """Have ``plugin`` learn each password that is hashed or verified in this process, each token
    that is made, and each password of a site that is served."""
    made = secrets.token_urlsafe

    def token_urlsafe(nbytes: int | None = None) -> str:
        token = made(nbytes)
        if len(token) >= 20:  # shorter ones are parts of names
            plugin.learn(token)
        return token

    secrets.token_urlsafe = token_urlsafe
    try:
        from argon2 import PasswordHasher
    except ModuleNotFoundError:  # not with core alone
        return
    hashed, verified = PasswordHasher.hash, PasswordHasher.verify

    def hash(self: Any, password: str | bytes, **options: Any) -> str:
        plugin.learn(password)
        return hashed(self, password, **options)

    def verify(self: Any, hash: str | bytes, password: str | bytes) -> Any:
        plugin.learn(password)
        return verified(self, hash, password)

    PasswordHasher.hash, PasswordHasher.verify = hash, verify  # type: ignore[method-assign]


def watch_signatures(plugin: LogSecrets) -> None:
    """Have ``plugin`` learn each value that is signed in this process, once core is imported."""
    signing = sys.modules.get("changemaker_core.signing")
    if signing is None or hasattr(signing.Signer.write, "__wrapped__"):
        return
    written = signing.Signer.write

    @functools.wraps(written)
    def write(self: Any, value: Any, **options: Any) -> str:
        token: str = written(self, value, **options)
        plugin.signed.add(token[:SIGNATURE])
        return token

    signing.Signer.write = write
