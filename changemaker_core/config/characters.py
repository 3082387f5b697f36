"""Characters that nobody sees, in texts that people write: which may stay, and what removes others.

They come with what is pasted from word processors, contacts and messengers, and they let two names
look alike that are not, turn a line around, or hide words in it. Texts of several lines keep marks
of direction, which some languages need between words; controls are nobody's writing.
"""

from __future__ import annotations

import re
from typing import Final

#: Controls, and what Unicode takes for the end of a line or paragraph. No line has them.
_LINE_ENDS: Final = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
#: Controls other than tabs and line ends. No text has them.
_CONTROLS: Final = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
#: Soft hyphen, fillers, marks and overrides of direction, zero-width spaces, byte order mark,
#: annotations.
_INVISIBLE: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
#: What is only visible by what it does to the character before it: joiners (in the scripts of
#: Persian or Hindi, and in emoji), variation selectors, and the tags of the flags of regions.
_JOINERS: Final = r"\u200c\u200d"
_SELECTORS: Final = "\\u180b-\\u180d\\u180f\\ufe00-\\ufe0f\U000e0100-\U000e01ef"
_TAGS: Final = "\U000e0020-\U000e007f"
#: Behind these they do something. Beyond U+FFFF the characters stand for themselves: Python and
#: JSON Schema have different escapes for them.
_JOINING: Final = (
    r"\u0600-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\\u2190-\\u2bff\\u3030\\u303d\\u3297\\u3299\\ufe0f\U0001f000-\U0001faff\U00010a00-\U00011fff"
)
_SELECTED: Final = r"#*0-9\u00a1-\uffff" + "\U00010000-\U0010ffff"
_TAGGED: Final = "\U0001f3f4\U000e0020-\U000e007e"

_DEPENDENT: Final = (
    f"(?<=[{_JOINING}])[{_JOINERS}](?=[^\\s{_JOINERS}])"
    f"|(?<=[{_SELECTED}])[{_SELECTORS}]"
    f"|(?<=[{_TAGGED}])[{_TAGS}]"
)
_ANYWHERE: Final = f"[^{_LINE_ENDS}{_INVISIBLE}{_JOINERS}{_SELECTORS}\U000e0000-\U000e0fff]*"
# NOTE(schema): `$` would match before a final line end; the look-ahead does not, in Python and in
# JSON Schema alike.
_END: Final = r"(?![\s\S])"

#: One line without characters that nobody sees.
LINE: Final = f"^{_ANYWHERE}(?:(?:{_DEPENDENT}){_ANYWHERE})*{_END}"
#: The same, without what mail programs make a link of.
NAME: Final = f"^(?!.*(?:://|[wW]{{3}}\\.|\\w\\.\\w{{2,}}/)){LINE.removeprefix('^')}"
#: Any lines, without controls.
LINES: Final = f"^[^{_CONTROLS}]*{_END}"

#: What is never seen.
_UNSEEN: Final = re.compile(
    f"[{_INVISIBLE}\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]+"
)
_SEEN_WITH: Final = f"[{_JOINERS}{_SELECTORS}{_TAGS}]"
#: A run of what is only seen with something else; but not one character that is.
_PERHAPS_SEEN: Final = re.compile(
    f"(?<!{_SEEN_WITH})(?!(?:{_DEPENDENT})(?!{_SEEN_WITH})){_SEEN_WITH}+"
)
#: All of them, whatever they do: what Unicode calls Default_Ignorable_Code_Point, and annotations.
_RUN: Final = re.compile(
    f"[{_INVISIBLE}{_JOINERS}{_SELECTORS}\U000e0000-\U000e0fff]+",
)
#: It has a width, as a space has, and shows nothing.
_BLANK: Final = "\u2800"
#: A character, and one that does something behind it.
_PAIR: Final = re.compile(
    f"[{_JOINING}][{_JOINERS}]|[{_SELECTED}][{_SELECTORS}]|[{_TAGGED}][{_TAGS}]"
)
_JOINED: Final = ("\u200c", "\u200d")
#: Word processors write a line end within a paragraph, and between pages, in these ways.
_BREAKS: Final = re.compile("\r\n|[\x0b\x0c\x85]")
_CONTROL: Final = re.compile(f"[{_CONTROLS}]")


def visible_line(text: str) -> str:
    """Return ``text`` without characters that nobody sees. Controls and line ends stay, as errors.

    >>> visible_line("Sam\\u200b Suppor\\u00adter\\u202e")
    'Sam Supporter'
    """
    if text.isascii():
        return text
    return _PERHAPS_SEEN.sub(_seen, _UNSEEN.sub("", text))


def _seen(run: re.Match[str]) -> str:
    """Return those of a run of characters that do something to what is before them.

    One pass over the run, since removing one may make the next one do nothing.
    """
    text, begin, end = run.string, run.start(), run.end()
    kept = [text[max(0, begin - 1) : begin]]
    for character in run[0]:
        if _PAIR.fullmatch(kept[-1] + character):
            kept.append(character)
    if kept[-1] in _JOINED and not text[end : end + 1].strip():
        kept.pop()  # nothing follows that it could join
    return "".join(kept[1:])


def visible_lines(text: str) -> str:
    """Return ``text`` without controls; those that end a line become a line end.

    >>> visible_lines("One\\x0btwo\\x1b[31m")
    'One\\ntwo[31m'
    """
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("", _BREAKS.sub("\n", text))


def without_invisible(text: str) -> str:
    """Return ``text`` without all characters that take no space, for comparing.

    >>> without_invisible("K1A\\u200b 0A6")
    'K1A 0A6'
    """
    return text if text.isascii() else _RUN.sub("", text)


def is_blank(text: str) -> bool:
    """Return whether a reader would see nothing of ``text``.

    >>> is_blank("\\u200b \\n"), is_blank("\\u2764")
    (True, False)
    """
    return not without_invisible(text).replace(_BLANK, " ").strip()
