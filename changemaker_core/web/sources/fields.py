"""The fields that a template's form macros name: each is one of the Struct that reads the form."""

from __future__ import annotations

import inspect
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
from jinja2 import nodes

from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from changemaker_core.site import Site
    from changemaker_core.web.sources.tree import Found, Tree

#: Where core's macros of fields are.
MACROS: Final = "macros/forms.html"


@dataclass
class FormFields:
    """The Structs of the forms that the responders in one file take, and all of their fields.

    ``elsewhere`` are the fields of the plugin's other forms and queries: a page may show those of a
    responder in another file.
    """

    structs: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)

    def add(self, struct: type[msgspec.Struct]) -> None:
        """Add a form's Struct."""
        self.structs.add(struct.__name__)
        self.names |= _names_of(struct)


def forms_by_file(site: Site) -> dict[str, FormFields]:
    """Return the forms of a site by the file whose responders take them."""
    found: dict[str, FormFields] = defaultdict(FormFields)
    elsewhere: dict[str, set[str]] = defaultdict(set)
    for route in site.routes():
        for struct in filter(None, (route.form, route.query)):
            elsewhere[route.plugin] |= _names_of(struct)
        if route.form is not None and route.responder is not None:
            forms = found[inspect.unwrap(route.responder).__code__.co_filename]
            forms.add(route.form)
            forms.elsewhere = elsewhere[route.plugin]
    return dict(found)


def _names_of(struct: type[msgspec.Struct]) -> set[str]:
    return {each.encode_name for each in msgspec.structs.fields(struct)}


def fields_of(
    named: Mapping[str, set[Path]], forms: Mapping[str, FormFields]
) -> dict[str, FormFields]:
    """Return the forms that each template may show: those of the files that name it."""
    found: dict[str, FormFields] = {}
    for template, files in named.items():
        shown = [forms[str(file)] for file in files if str(file) in forms]
        if shown:
            structs = set[str]().union(*(each.structs for each in shown))
            names = set[str]().union(*(each.names for each in shown))
            elsewhere = set[str]().union(*(each.elsewhere for each in shown))
            found[template] = FormFields(structs, names, elsewhere)
    return found


def unknown_fields(
    tree: Tree, fields: FormFields, macros: Mapping[str, nodes.Macro | None]
) -> Iterator[Found]:
    """Yield the fields that form macros name, and that no form of the page has."""
    targets = {n.target for n in tree.all(nodes.Import) if _is_forms(n.template)}
    for call in tree.all(nodes.Call):
        used = call.node
        if not (isinstance(used, nodes.Getattr) and isinstance(used.node, nodes.Name)):
            continue
        macro = macros.get(used.attr) if used.node.name in targets else None
        for line, name in _names_in(call, macro) if macro else ():
            if name not in fields.names | fields.elsewhere:
                structs = " or ".join(sorted(fields.structs))
                known = sorted(fields.names)
                problem = f"{structs} has no field {name!r}.{did_you_mean(name, known)}"
                yield line, problem, f"Name one of {', '.join(known)}, or add the field."


def _is_forms(template: nodes.Expr) -> bool:
    return isinstance(template, nodes.Const) and template.value == MACROS


def _names_in(call: nodes.Call, macro: nodes.Macro) -> Iterator[tuple[int, str]]:
    """Yield the constant fields that a call of a macro names: its ``name``, keys of ``labels``."""
    taken = dict(zip([each.name for each in macro.args], call.args, strict=False))
    given: dict[str, Any] = taken | {each.key: each.value for each in call.kwargs}
    name = given.get("name")
    if isinstance(name, nodes.Const):
        yield name.lineno, str(name.value)
    labels = given.get("labels")
    for pair in labels.items if isinstance(labels, nodes.Dict) else ():
        if isinstance(pair.key, nodes.Const):
            yield pair.key.lineno, str(pair.key.value)
