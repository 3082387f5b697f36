"""The variables of mail templates: their kinds, and their values as a mail shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from changemaker_core import Text
from changemaker_core.config.characters import visible_line, visible_lines

if TYPE_CHECKING:
    from collections.abc import Callable

VariableKind = Literal["text", "lines", "url", "time"]
KINDS: Final = get_args(VariableKind)

#: Characters of one value; more is cut. Names have 200, and letters a few thousand.
LONGEST_VALUE: Final = {"text": 1_000, "lines": 10_000}

_IN_URL: Final = r"[^\s<>\"'`\\^{|}\x00-\x20\x7f-\xa0]"
_URL: Final = re.compile(f"https?://{_IN_URL}{{1,2000}}")
#: An address in a text as it is written: what ends the sentence around it is none of it.
WRITTEN_URL: Final = re.compile(rf"https?://{_IN_URL}{{0,2000}}[\w/=&#~+-]")
_LINE_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

_SPACES: Final = re.compile(" {2,}")


@dataclass(frozen=True, slots=True)
class MailVariable:
    """Something that a mail can say: ``{{ name }}`` in its template.

    ``kind`` is ``text`` (one line), ``lines``, ``url`` (an absolute address or a path of the site,
    a link in the HTML) or ``time`` (an aware datetime, shown in the reader's language and the
    site's time zone). ``sample`` is shown in previews. ``required`` says why the text must contain
    the variable; one that lacks it is not saved then.
    """

    name: str
    description: str
    sample: str | datetime
    kind: VariableKind = "text"
    required: str = ""

    def shown(self, value: Any, datetime_text: Callable[[datetime], str]) -> str:
        """Return a value as a mail shows it. ``None`` is no value, and an empty text.

        Raises ``TypeError`` or ``ValueError`` for one that is not of the variable's kind.
        """
        if value is None:
            return ""
        wanted = datetime if self.kind == "time" else str
        if not isinstance(value, wanted):
            got, kind = type(value).__name__, self.kind
            raise TypeError(f"{self.name} is a {got}; a {kind} is a {wanted.__name__}")
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError(f"{self.name} is a time without a time zone: {value}")
            return datetime_text(value)
        value = value.encode("utf-8", "replace").decode()  # a lone surrogate cannot be sent
        if self.kind == "lines":
            return visible_lines(value)[: LONGEST_VALUE["lines"]]
        if self.kind == "text":
            return one_line(value)[: LONGEST_VALUE["text"]]
        if value and _URL.fullmatch(value) is None:
            problem = "is no absolute address of http or https, as site.url returns"
            raise ValueError(f"{self.name} {problem}: {value[:100]!r}")
        return str(value)


#: What every template can say.
COMMON: Final = (
    MailVariable("organisation", Text("The name of the organisation"), "The Organisation"),
    MailVariable(
        "site_url", Text("The address of the site"), "https://act.example.org/", kind="url"
    ),
)


def one_line(text: str) -> str:
    """Return ``text`` on one line, fit for a header, without characters that nobody sees."""
    # No-break spaces stay: French has them before a colon.
    return _SPACES.sub(" ", visible_line(_LINE_BREAKS.sub(" ", text))).strip(" ")
