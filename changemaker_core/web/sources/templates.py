"""Templates, checked without rendering them: what each one names exists."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import TemplateSyntaxError, meta, nodes

from changemaker_core.text import did_you_mean
from changemaker_core.web.sources.catalogues import placeholders
from changemaker_core.web.sources.fields import MACROS, unknown_fields
from changemaker_core.web.sources.problem import SourceProblem
from changemaker_core.web.sources.texts import SourceText, texts_of_template
from changemaker_core.web.sources.tree import Found, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from jinja2 import Environment

    from changemaker_core.web.sources.fields import FormFields

#: What begins a form, makes it a POST, and ends it; the parts of a tag may be apart.
_FORM_PART = re.compile(r"""<form\b|\bmethod=["']?post\b|</form>""", re.IGNORECASE)


class Parsed(NamedTuple):
    """A template's syntax tree, or the line and text of the error that it has instead."""

    tree: Tree | None
    error: tuple[int, str] = (0, "")


def _forms_without_token(tree: Tree) -> Iterator[Found]:
    """Yield the forms of a page for signed-in people that would always be rejected."""
    frames = [name for each in tree.all(nodes.Extends) for name in _constants(each.template)]
    if "frames/admin.html" not in frames:
        return
    line, posts, has_token = 0, False, False
    for node in tree.root.find_all((nodes.TemplateData, nodes.Name, nodes.Include)):
        if not isinstance(node, nodes.TemplateData):
            # What a form includes may bring the token.
            has_token |= isinstance(node, nodes.Include) or getattr(node, "name", "") == "csrf"
            continue
        for part in _FORM_PART.finditer(node.data):
            if part[0].lower() == "<form":
                line = node.lineno + node.data.count("\n", 0, part.start())
                posts, has_token = False, False
            elif part[0].lower() != "</form>":
                posts = True
            elif posts and not has_token:
                yield line, "This form has no token: it is rejected.", "Put {{ csrf }} into it."


class TemplateSources:
    """The templates of a site, as source.

    ``environment`` finds them as pages do, in any package and with every override; ``static`` is
    called with each static file that a template names, and raises ``LookupError`` for one that is
    absent. ``fields`` has the fields of the forms that a template may show. ``absent`` are plugins
    that others come after where they are there: a template that extends or includes one of theirs
    is not shown without them.
    """

    def __init__(
        self,
        environment: Environment,
        static: Callable[[str], object],
        fields: Mapping[str, FormFields] = MappingProxyType({}),
        absent: Collection[str] = (),
    ) -> None:
        self._environment = environment
        self._static = static
        self._fields = fields
        self._absent = frozenset(absent)
        self._names = frozenset(environment.list_templates())
        self._parsed = cache(self._parse)
        self._parsed_text = cache(self._parse_text)
        self._offered = cache(self._offered_by)

    def problems(self, owner: str, name: str, file: Path) -> Iterator[SourceProblem]:
        """Yield what is wrong with the template ``name`` in ``file``."""
        parsed = self._parsed_text(name, file.read_text(encoding="utf-8"))
        found: Iterable[Found]
        if parsed.tree is None:
            found = [(*parsed.error, "Correct the template.")]
        else:
            found = sorted(set(self._found(parsed.tree, name)))
        for line, problem, fix in found:
            yield SourceProblem("error", owner, file, line, problem, fix)

    def texts(self, name: str, file: Path) -> Iterator[SourceText]:
        """Yield each text of a template that is to be translated."""
        tree = self._parsed_text(name, file.read_text(encoding="utf-8")).tree
        if tree is not None:
            yield from texts_of_template(tree, file)

    def missing(self, name: str) -> str | None:
        """Return the problem with a template that code names; ``None`` where it exists."""
        if name in self._names:
            return None
        plain = [each for each in self._names if ":" not in each]
        return f"There is no template {name!r}.{did_you_mean(name, plain)}"

    # -- one tree

    def _found(self, tree: Tree, name: str) -> Iterator[Found]:
        operators = list(self._unknown_operators(tree))
        undeclared: set[str] = set()
        try:
            undeclared = meta.find_undeclared_variables(tree.root)
        except TemplateSyntaxError as error:
            # What Jinja finds when it writes code, an unknown filter among it.
            if not operators:
                yield _syntax(error)
        yield from operators
        yield from self._absent_templates(tree)
        yield from self._calls(tree, self._misspelt(undeclared))
        yield from self._facts(tree)
        yield from self._imported_names(tree)
        yield from self._lost_blocks(tree, name)
        yield from _forms_without_token(tree)
        if name in self._fields:
            yield from unknown_fields(tree, self._fields[name], self._offered(MACROS) or {})

    def _unknown_operators(self, tree: Tree) -> Iterator[Found]:
        """Filters and tests that are not there. Jinja itself names only the first."""
        env = self._environment
        known: list[tuple[type[nodes.Expr], str, Mapping[str, object]]] = [
            (nodes.Filter, "filter", env.filters),
            (nodes.Test, "test", env.tests),
        ]
        for kind, word, names in known:
            for node in tree.all(kind):
                used = getattr(node, "name", "")
                if used not in names:
                    problem = f"There is no {word} {used!r}.{did_you_mean(used, names)}"
                    yield node.lineno, problem, f"Correct the name of the {word}."

    def _absent_templates(self, tree: Tree) -> Iterator[Found]:
        kinds = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
        for node in tree.all(*kinds):
            if isinstance(node, nodes.Include) and node.ignore_missing:
                continue
            names = _constants(node.template)
            if any(each.partition("/")[0] in self._absent for each in names):
                continue
            if names and not any(each in self._names for each in names):
                problem = self.missing(names[0]) or ""
                yield node.lineno, problem, "Correct the template's name."

    def _misspelt(self, undeclared: Iterable[str]) -> dict[str, str]:
        """Of names that the responder may provide, return those that are close to a function's."""
        functions = [name for name, each in self._environment.globals.items() if callable(each)]
        close = {name: get_close_matches(name, functions, n=1, cutoff=0.8) for name in undeclared}
        return {name: similar[0] for name, similar in close.items() if similar}

    def _facts(self, tree: Tree) -> Iterator[Found]:
        """Attributes of ``site`` that it does not have."""
        facts = self._environment.globals["site"]
        known = [name for name in dir(facts) if not name.startswith("_")]
        for use in tree.all(nodes.Getattr):
            if isinstance(use.node, nodes.Name) and use.node.name == "site":
                if use.attr not in known:
                    problem = f"`site` has no {use.attr!r}.{did_you_mean(use.attr, known)}"
                    yield use.lineno, problem, f"It has {', '.join(known)}."

    def _calls(self, tree: Tree, misspelt: Mapping[str, str]) -> Iterator[Found]:
        for call in tree.all(nodes.Call):
            if not isinstance(call.node, nodes.Name):
                continue
            function = call.node.name
            if function in misspelt:
                problem = f"There is no function {function!r}. Did you mean {misspelt[function]!r}?"
                yield call.lineno, problem, "Correct the function's name."
            yield from self._call(call, function)

    def _call(self, call: nodes.Call, function: str) -> Iterator[Found]:
        """Check a call of one of core's functions with constants."""
        texts = [each.value for each in call.args if isinstance(each, nodes.Const)]
        if function == "static" and texts:
            try:
                self._static(str(texts[0]))
            except LookupError as error:
                yield call.lineno, f"{error.args[0]}", "Correct the path, or add the file."
        elif function in ("_", "ngettext") and texts and call.dyn_kwargs is None:
            given = {each.key for each in call.kwargs} | ({"count"} if function != "_" else set())
            needed = frozenset().union(*(placeholders(str(text)) for text in texts))
            if absent := sorted(needed - given):
                problem = f"The text {texts[0]!r} needs a value for {', '.join(absent)}."
                yield call.lineno, problem, f"Write {function}(…, {absent[0]}=…)."

    # -- what other templates offer

    def _imported_names(self, tree: Tree) -> Iterator[Found]:
        """Macros that an imported template does not have, and arguments that they do not take."""
        modules: dict[str, str] = {}
        for node in tree.all(nodes.Import, nodes.FromImport):
            if len(names := _constants(node.template)) != 1:
                continue
            if isinstance(node, nodes.Import):
                modules[node.target] = names[0]
                continue
            offered = self._offered(names[0])
            wanted = [each if isinstance(each, str) else each[0] for each in node.names]
            for name in wanted:
                if offered is not None and name not in offered:
                    yield _absent_macro(node.lineno, names[0], name, offered)
        for use in tree.all(nodes.Getattr):
            source = modules.get(use.node.name) if isinstance(use.node, nodes.Name) else None
            offered = None if source is None else self._offered(source)
            if source is not None and offered is not None and use.attr not in offered:
                yield _absent_macro(use.lineno, source, use.attr, offered)
        for call in tree.all(nodes.Call):
            yield from self._arguments(call, modules)

    def _arguments(self, call: nodes.Call, modules: Mapping[str, str]) -> Iterator[Found]:
        used = call.node
        if not (isinstance(used, nodes.Getattr) and isinstance(used.node, nodes.Name)):
            return
        macro = (self._offered(modules.get(used.node.name, "")) or {}).get(used.attr)
        if macro is None:
            return
        taken, uses = [each.name for each in macro.args], _names_in(macro)
        foreign = [each.key for each in call.kwargs if each.key not in (*taken, "caller")]
        if foreign and "kwargs" not in uses:
            similar = did_you_mean(foreign[0], taken)
            problem = f"The macro {used.attr!r} takes no argument {foreign[0]!r}.{similar}"
            yield call.lineno, problem, f"It takes {', '.join(taken) or 'none'}."
        if len(call.args) > len(taken) and "varargs" not in uses:
            problem = f"The macro {used.attr!r} takes {len(taken)} arguments, not {len(call.args)}."
            yield call.lineno, problem, f"It takes {', '.join(taken) or 'none'}."

    def _offered_by(self, name: str) -> dict[str, nodes.Macro | None] | None:
        """Return what a template has for those that import it: macros, and plain values.

        ``None`` where it cannot be known: it is absent, or not well formed, and reported itself.
        """
        tree = self._parsed(name).tree if name in self._names else None
        if tree is None:
            return None
        values: dict[str, nodes.Macro | None] = {
            each.name: None
            for assigned in tree.all(nodes.Assign, nodes.AssignBlock)
            for each in (assigned.target, *assigned.target.find_all(nodes.Name))
            if isinstance(each, nodes.Name)
        }
        return values | {macro.name: macro for macro in tree.all(nodes.Macro)}

    def _lost_blocks(self, tree: Tree, name: str) -> Iterator[Found]:
        """Blocks that no template further up has: what they say is never shown."""
        above = self._blocks_above(tree, frozenset({name}))
        if above is None:
            return
        inner = {b.name for outer in tree.all(nodes.Block) for b in outer.find_all(nodes.Block)}
        for block in tree.all(nodes.Block):
            if block.name not in above and block.name not in inner:
                similar = did_you_mean(block.name, above)
                problem = f"No template that it extends has a block {block.name!r}.{similar}"
                yield block.lineno, problem, f"They have {', '.join(sorted(above))}."

    def _blocks_above(self, tree: Tree, seen: frozenset[str]) -> set[str] | None:
        """Return the blocks of the templates that ``tree`` extends; ``None`` where unknown."""
        extends = next(iter(tree.all(nodes.Extends)), None)
        names = [] if extends is None else _constants(extends.template)
        if len(names) != 1 or names[0] in seen or names[0] not in self._names:
            return None
        parent = self._parsed(names[0]).tree
        if parent is None:
            return None
        own = {block.name for block in parent.all(nodes.Block)}
        if not parent.all(nodes.Extends):
            return own
        further = self._blocks_above(parent, seen | {names[0]})
        return None if further is None else own | further

    # -- source

    def _parse(self, name: str) -> Parsed:
        loader = self._environment.loader
        assert loader is not None  # noqa: S101  # ours has one
        return self._parsed_text(name, loader.get_source(self._environment, name)[0])

    def _parse_text(self, name: str, text: str) -> Parsed:
        try:
            return Parsed(Tree(self._environment.parse(text, name)))
        except TemplateSyntaxError as error:
            return Parsed(None, _syntax(error)[:2])


def _syntax(error: TemplateSyntaxError) -> Found:
    problem = (error.message or "It cannot be read").rstrip(".") + "."
    return error.lineno, problem, "Correct the template."


def _constants(expression: nodes.Expr) -> list[str]:
    """Return the names in an ``extends`` or ``include``, none where one is computed."""
    items = expression.items if isinstance(expression, (nodes.List, nodes.Tuple)) else [expression]
    values = [each.value for each in items if isinstance(each, nodes.Const)]
    return values if len(values) == len(items) else []


def _names_in(node: nodes.Node) -> set[str]:
    return {each.name for each in node.find_all(nodes.Name)}


def _absent_macro(line: int, template: str, name: str, offered: Iterable[str]) -> Found:
    problem = f"{template} has no macro {name!r}.{did_you_mean(name, offered)}"
    return line, problem, "Correct the macro's name."
