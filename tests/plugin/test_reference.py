"""The pages about plugins and configuration say what the code says."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

import changemaker_core
from changemaker_core import cli, testing
from changemaker_core.config import Config
from changemaker_core.config.config import _PLACES
from changemaker_core.site import core

ROOT = Path(__file__).parents[2]
HOOKS = (ROOT / "docs" / "reference" / "hooks.md").read_text()
GUIDE = (ROOT / "docs" / "guides" / "write-a-plugin.md").read_text()
NAMES = (ROOT / "docs" / "reference" / "names.md").read_text()
TEST_KIT = (ROOT / "docs" / "reference" / "testing.md").read_text()
COMMANDS = (ROOT / "docs" / "reference" / "command-line.md").read_text()
CONFIGURATION = (ROOT / "docs" / "reference" / "configuration.md").read_text()
SPEC_FILES = [
    ROOT / "changemaker_core" / "hookspecs.py",
    *sorted((ROOT / "changemaker_core" / "features").glob("*/hookspecs.py")),
    *sorted((ROOT / "plugins").glob("*/changemaker_*/hookspecs.py")),
]


def hookspecs() -> dict[str, tuple[str, str]]:
    """Each hook's signature and example, read from the source: no plugin is imported."""
    found = {}
    for file in SPEC_FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and _marked(node):
                found[node.name] = (_signature(node), _example(node))
    return found


def _marked(node: ast.FunctionDef) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "hookspec" for d in node.decorator_list)


def _signature(node: ast.FunctionDef) -> str:
    arguments = ", ".join(ast.unparse(a) for a in node.args.args if a.arg != "self")
    assert node.returns is not None
    return f"{node.name}({arguments}) -> {ast.unparse(node.returns)}"


def _example(node: ast.FunctionDef) -> str:
    lines = inspect.cleandoc(ast.get_docstring(node) or "").splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))


def sections() -> dict[str, list[str]]:
    """The code blocks under each hook's heading."""
    _, *parts = re.split(r"^### `(.+)`$", HOOKS, flags=re.MULTILINE)
    blocks = [re.findall(r"^```python\n(.*?)\n```$", p, re.M | re.S) for p in parts[1::2]]
    return dict(zip(parts[::2], blocks, strict=True))


def test_every_hook_has_a_heading_and_every_heading_a_hook() -> None:
    assert sections().keys() == hookspecs().keys()
    assert len(hookspecs()) >= 10


@pytest.mark.parametrize("hook", hookspecs())
def test_signature_and_example_are_the_codes(hook: str) -> None:
    signature, example = hookspecs()[hook]
    assert sections()[hook] == [signature, example]


def test_the_guide_shows_the_example_as_it_is() -> None:
    shown = re.findall(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", GUIDE, re.M | re.S)
    assert [path for path, _ in shown] == [
        "examples/hello/changemaker_hello/plugin.py",
        "examples/hello/pyproject.toml",
    ]
    for path, text in shown:
        assert text == (ROOT / path).read_text()


#: The keys that are not at the top level.
PLACES = {name: ".".join(place) for place, name in _PLACES.items()}


def test_every_key_of_the_configuration_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.+?) \|", CONFIGURATION, re.M))
    fields = {
        PLACES.get(field.name, field.name): _default(field)
        for field in msgspec.structs.fields(Config)
        if field.name not in ("site_dir", "plugin_tables", "origins")
    }
    for feature in core().features:
        for field in msgspec.structs.fields(feature.config) if feature.config else ():
            fields[f"{feature.name}.{field.name}"] = _default(field)
    assert rows == fields


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "none: must be set"
    if field.default is msgspec.NODEFAULT:
        return f"`{field.default_factory()}`"
    if field.default is None:
        return "none"
    if isinstance(field.default, tuple):
        return f"`{json.dumps(field.default)}`"
    if isinstance(field.default, Mapping):
        return f"`{{{', '.join(f'{key} = {value}' for key, value in field.default.items())}}}`"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def test_every_public_name_can_be_imported() -> None:
    for name in changemaker_core.__all__:
        assert getattr(changemaker_core, name) is not None
        assert name in dir(changemaker_core)
    with pytest.raises(AttributeError, match="no attribute 'Campaign'"):
        changemaker_core.Campaign  # noqa: B018


def test_every_public_name_is_told_of() -> None:
    assert set(changemaker_core.__all__) - set(re.findall(r"`(\w+)`", NAMES)) == set()


def test_the_test_kit_is_told_of() -> None:
    for name in testing.__all__:
        assert getattr(testing, name) is not None
        assert re.search(rf"^\| `(await )?{name}\b", TEST_KIT, re.M), name
    with pytest.raises(AttributeError, match="no attribute 'Campaign'"):
        testing.Campaign  # noqa: B018


def test_the_names_for_authors_of_commands_are_documented() -> None:
    for name in set(cli.__all__) - {"main"}:
        assert getattr(cli, name) is not None
        assert f"| `{name}` |" in COMMANDS


def test_type_checkers_see_the_same_public_names() -> None:
    tree = ast.parse(Path(changemaker_core.__file__).read_text())
    typed = {
        (f"{node.module}.".removeprefix("changemaker_core.").rstrip("."), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("changemaker_core.")
        for alias in node.names
    }
    lazy = {(room, name) for name, room in changemaker_core._NAMES.items()}
    assert typed == lazy
