"""The language of mail templates: a part of Jinja's that is only looked up, and never executed.

``{{ name }}`` is the value of a variable. What stands between ``{% if name %}`` and ``{% endif %}``
is in the mail where the variable has a value, and with ``{% if not name %}`` where it has none;
``{% else %}`` may stand between. There is nothing else: no attribute, call, filter, loop or
literal. So there is nothing that a sandbox would have to hold back, and a mail is never longer than
the text and its values are.

Whoever knows Jinja can read these texts: a property test holds that it renders all of them to the
same. As in core's other templates, a line with nothing on it but ``{% … %}`` leaves no line.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from changemaker_core import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Characters and tags of a subject or text. A job carries both to the mail that tests them.
LONGEST_SUBJECT: Final = 200
LONGEST_TEXT: Final = 5_000
MOST_TAGS: Final = 100
DEEPEST: Final = 5

NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
#: Words that are no variables in Jinja.
KEYWORDS: Final = frozenset(
    (
        "and caller elif else endif false if in is kwargs loop none not or self super true varargs"
    ).split()
)
_OPENERS: Final = re.compile(r"\{\{|\{%|\{#")
_CLOSERS: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}
_LINE_ENDS: Final = re.compile(r"\r\n|\r")
_CONDITION: Final = re.compile(r"if\s+(?P<negated>not\s+)?(?P<name>.+)", re.ASCII | re.DOTALL)
#: ``{name}``: how other products write a variable.
_SINGLE_BRACES: Final = re.compile(r"(?<!\{)\{\s*([a-z][a-z0-9_]*)\s*\}(?!\})", re.ASCII)


class Mistake(NamedTuple):
    """What is wrong with a template, in words for the person who wrote it, and in which line.

    ``line`` is 0 for what concerns the whole text.
    """

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Variable:
    """``{{ name }}``, in a line of the template."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Condition:
    """``{% if name %}…{% else %}…{% endif %}``"""

    name: str
    negated: bool
    then: Nodes
    otherwise: Nodes


#: A text as it is written, a variable, or a condition with what it holds.
Nodes: TypeAlias = "tuple[str | Variable | Condition, ...]"


class Parsed(NamedTuple):
    """A template, and every mistake in it. One with mistakes is not rendered."""

    nodes: Nodes
    mistakes: list[Mistake]

    def unconditional(self) -> frozenset[str]:
        """Return the variables whose values are in the mail in any case."""
        return frozenset(node.name for node in self.nodes if isinstance(node, Variable))

    def names(self) -> list[str]:
        """Return the variables whose values may be in the mail."""
        found = {each.name: None for each in _variables(self.nodes)}
        return list(found)


def parse(source: str, variables: Sequence[str]) -> Parsed:
    """Return a template that may use ``variables``."""
    return _Parser(_LINE_ENDS.sub("\n", source), variables).parse()


def resolve(nodes: Nodes, holds: Callable[[str], bool]) -> Iterator[str | Variable]:
    """Yield the texts and variables of a template; ``holds`` says which have a value."""
    for node in nodes:
        if isinstance(node, Condition):
            branch = node.then if holds(node.name) is not node.negated else node.otherwise
            yield from resolve(branch, holds)
        else:
            yield node


def _variables(nodes: Nodes) -> Iterator[Variable]:
    for node in nodes:
        if isinstance(node, Variable):
            yield node
        elif isinstance(node, Condition):
            yield from _variables((*node.then, *node.otherwise))


@dataclass(slots=True)
class _Open:
    """A condition whose end is not reached, and what is collected for it."""

    line: int
    name: str
    negated: bool
    then: list[str | Variable | Condition] = field(default_factory=list)
    otherwise: list[str | Variable | Condition] | None = None

    @property
    def current(self) -> list[str | Variable | Condition]:
        return self.then if self.otherwise is None else self.otherwise

    def close(self) -> Condition:
        return Condition(self.name, self.negated, tuple(self.then), tuple(self.otherwise or ()))


class _Parser:
    """Reads one template from its beginning to its end, once."""

    def __init__(self, source: str, variables: Sequence[str]) -> None:
        self._source = source
        self._variables = variables
        self._mistakes: list[Mistake] = []
        self._root = _Open(0, "", negated=False)
        self._open: list[_Open] = [self._root]
        self._at = 0
        self._tags = 0
        #: Whether a line begins where the parser is; spaces before ``{%`` belong to the line then.
        self._line_begins = True

    def parse(self) -> Parsed:
        while (opener := _OPENERS.search(self._source, self._at)) is not None:
            mark = opener[0]
            self._text(self._source[self._at : opener.start()], before_block=mark == "{%")
            end = self._source.find(_CLOSERS[mark], opener.end())
            if end < 0:
                problem = Text(
                    "{mark} is not closed by {closer}.", mark=mark, closer=_CLOSERS[mark]
                )
                self._mistake(opener.start(), problem)
                return self._result()
            self._tags += 1
            if self._tags > MOST_TAGS:
                problem = Text("Use at most {most} variables and conditions.", most=MOST_TAGS)
                self._mistake(opener.start(), problem)
                return self._result()
            content = self._source[opener.end() : end]
            self._at = end + 2
            self._line_begins = False
            self._tag(mark, content.strip(), opener.start())
        self._text(self._source[self._at :], before_block=False)
        return self._result()

    def _result(self) -> Parsed:
        for each in self._open[1:]:
            problem = Text("{tag} has no {end}.", tag=f"{{% if {each.name} %}}", end="{% endif %}")
            self._mistakes.append(Mistake(each.line, problem))
        return Parsed(tuple(self._root.then), self._mistakes)

    def _text(self, text: str, *, before_block: bool) -> None:
        for single in _SINGLE_BRACES.finditer(text):
            if single[1] in self._variables:
                problem = Text(
                    "Write {right} in place of {wrong}.",
                    right=f"{{{{ {single[1]} }}}}",
                    wrong=single[0],
                )
                self._mistake(self._at + single.start(), problem)
        if before_block:
            line = text.rfind("\n") + 1
            if (line or self._line_begins) and text[line:].isspace():
                text = text[:line]
        if text:
            self._open[-1].current.append(text)

    def _tag(self, mark: str, content: str, at: int) -> None:
        if mark == "{{":
            self._output(content, at)
        elif mark == "{%":
            self._block(content, at)
            if self._source.startswith("\n", self._at):
                self._at += 1
                self._line_begins = True
        else:
            self._mistake(at, Text("Comments cannot be written in this text."))

    def _output(self, content: str, at: int) -> None:
        if NAME.fullmatch(content) is None:
            problem = Text(
                "{tag} is not allowed. Between the braces stands the name of a variable, such as"
                " {example}.",
                tag=_shown(f"{{{{ {content} }}}}"),
                example=f"{{{{ {self._variables[0]} }}}}",
            )
            self._mistake(at, problem)
        elif self._is_known(content, at):
            self._open[-1].current.append(Variable(content, self._line(at)))

    def _block(self, content: str, at: int) -> None:
        if content == "else" and len(self._open) > 1 and self._open[-1].otherwise is None:
            self._open[-1].otherwise = []
        elif content == "endif" and len(self._open) > 1:
            closed = self._open.pop().close()
            self._open[-1].current.append(closed)
        elif content in ("else", "endif"):
            tag = f"{{% {content} %}}"
            self._mistake(at, Text("{tag} belongs to no {begin}.", tag=tag, begin="{% if … %}"))
        elif (condition := _CONDITION.fullmatch(content)) is not None:
            self._begin(condition, at)
        else:
            problem = Text(
                "{tag} is not allowed. Write {begin}, {otherwise} or {end}.",
                tag=_shown(f"{{% {content} %}}"),
                begin=f"{{% if {self._variables[0]} %}}",
                otherwise="{% else %}",
                end="{% endif %}",
            )
            self._mistake(at, problem)

    def _begin(self, condition: re.Match[str], at: int) -> None:
        name, negated = condition["name"], condition["negated"] is not None
        if NAME.fullmatch(name) is None:
            problem = Text(
                "{tag} is not allowed. A condition is the name of a variable.",
                tag=_shown(f"{{% {condition[0]} %}}"),
            )
            self._mistake(at, problem)
        else:
            self._is_known(name, at)
        if len(self._open) > DEEPEST:
            problem = Text("At most {most} conditions can be inside each other.", most=DEEPEST)
            self._mistake(at, problem)
        self._open.append(_Open(self._line(at), name, negated))

    def _is_known(self, name: str, at: int) -> bool:
        if name in self._variables:
            return True
        written = _shown(f"{{{{ {name} }}}}")
        if close := difflib.get_close_matches(name, self._variables, n=1):
            guess = f"{{{{ {close[0]} }}}}"
            problem = Text(
                "There is no variable {name}. Did you mean {guess}?", name=written, guess=guess
            )
        else:
            known = ", ".join(self._variables)
            problem = Text(
                "There is no variable {name}. There are: {known}.", name=written, known=known
            )
        self._mistake(at, problem)
        return False

    def _mistake(self, at: int, problem: str) -> None:
        self._mistakes.append(Mistake(self._line(at), problem))

    def _line(self, at: int) -> int:
        return self._source.count("\n", 0, at) + 1


def _shown(tag: str) -> str:
    """Return a tag as a message quotes it: on one line, and not longer than a line."""
    line = " ".join(tag.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
