"""The examples about mail in docs/reference/testing.md run."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

from changemaker_core import testing
from changemaker_core.testing.mails import sent_mail

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "testing.md").read_text().partition("## Mail\n")[2]
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def pledges(monkeypatch):
    """What the examples import."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "pledges"))
    from changemaker_pledges.plugin import PledgesPlugin

    ada = {"name": "Ada Sample", "email": "ada@example.org"}
    names = {name: getattr(testing, name) for name in testing.__all__}
    yield {**names, "PledgesPlugin": PledgesPlugin, "ADA": ada}
    for name in [each for each in sys.modules if each.startswith("changemaker_pledges")]:
        del sys.modules[name]


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_runs(example, pledges, open_app, smtp_server):
    exec(example, pledges)  # noqa: S102  # our own page
    (test,) = (each for name, each in pledges.items() if name.startswith("test_"))
    given = {"open_app": open_app, "smtp_server": smtp_server}
    await test(**{name: given[name] for name in inspect.signature(test).parameters})


def test_there_are_examples():
    assert len(EXAMPLES) == 2


@pytest.mark.database("sqlite")
def test_mail_that_an_smtp_server_has_is_not_looked_for_in_a_folder(make_site):
    with pytest.raises(TypeError, match=r"smtp_server\.received"):
        sent_mail(make_site(smtp_url="smtp://127.0.0.1:9"))


def test_a_link_ends_before_the_sentence_does():
    mail = testing.SentMail(
        "", "", "See <https://a.example/x?y=1>, or http://b.example/z.", "", None, None
    )
    assert mail.links == ["https://a.example/x?y=1", "http://b.example/z"]
