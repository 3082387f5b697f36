"""Overrides: the site folder, then later plugins, then the owner, then core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.web.checks import check_overrides
from changemaker_core.web.sources.overrides import overrides

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

SiteOf = "Callable[..., SimpleNamespace]"


def write(folder: Path, **files: str) -> Path:
    """Write ``templates__garden__list=…`` as ``templates/garden/list.html``, and static as css."""
    for name, text in files.items():
        suffix = ".css" if name.startswith("static") else ".html"
        path = folder.joinpath(*name.split("__")).with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def tree(tmp_path: Path, site_of: Callable[..., SimpleNamespace]) -> Callable[..., Any]:
    """``tree(garden={…}, tools={…}, site={…})``: a site of two plugins, tools after garden."""

    def build(**files: dict[str, str]) -> SimpleNamespace:
        folders = [(n, write(tmp_path / n, **files.get(n, {}))) for n in ("garden", "tools")]
        return site_of(*folders, site_dir=write(tmp_path / "site", **files.get("site", {})))

    return build


def rendered(site: SimpleNamespace, name: str = "garden/list.html") -> str:
    return str(site.templates.render(name, {}, locale="en"))


OWN = {"templates__garden__list": "{% block a %}garden{% endblock %}"}


def test_a_template_is_its_owner_s_unless_it_is_overridden(tree: Any) -> None:
    assert rendered(tree(garden=OWN)) == "garden"


def test_a_later_plugin_overrides_an_earlier_one(tree: Any) -> None:
    site = tree(garden=OWN, tools={"templates__garden__list": "tools"})
    assert rendered(site) == "tools"


def test_the_operator_overrides_every_plugin(tree: Any) -> None:
    files = {"templates__garden__list": "tools"}
    site = tree(garden=OWN, tools=files, site={"templates__garden__list": "ours"})
    assert rendered(site) == "ours"
    assert [str(each) for each in overrides(site)[0]] == [
        "templates/garden/list.html of site instead of tools's",
        "templates/garden/list.html of tools instead of garden's",
    ]


def test_an_earlier_plugin_does_not_override_a_later_one(tree: Any) -> None:
    site = tree(
        garden={"templates__tools__list": "garden"}, tools={"templates__tools__list": "tools"}
    )
    assert rendered(site, "tools/list.html") == "tools"
    found, (problem,) = overrides(site)
    assert not found
    assert "tools is loaded after garden" in problem.problem
    assert 'after = ("tools",)' in problem.fix


def test_an_override_can_extend_what_it_overrides(tree: Any) -> None:
    text = '{% extends "garden:garden/list.html" %}{% block a %}our {{ super() }}{% endblock %}'
    assert rendered(tree(garden=OWN, site={"templates__garden__list": text})) == "our garden"


def test_core_s_templates_can_be_overridden(tree: Any) -> None:
    assert rendered(tree(site={"templates__error": "Sorry."}), "error.html") == "Sorry."


def test_an_override_without_an_original_is_reported_with_a_suggestion(tree: Any) -> None:
    site = tree(garden=OWN, site={"templates__garden__lists": "ours"})
    (finding,) = check_overrides(site)
    assert finding.status == "warning"
    assert "site/templates/garden/lists.html" in finding.detail
    assert "Did you mean 'garden/list.html'?" in finding.detail


def test_the_operator_s_own_templates_are_not_overrides(tree: Any) -> None:
    site = tree(site={"templates__site__about": "About us", "static__site__own": "a{}"})
    assert rendered(site, "site/about.html") == "About us"
    assert overrides(site) == ([], [])


def test_static_files_are_overridden_in_the_same_order(tree: Any) -> None:
    own, tools, ours = ({"static__garden__a": text} for text in ("garden", "tools", "ours"))
    for files, expected in [
        ({"garden": own}, b"garden"),
        ({"garden": own, "tools": tools}, b"tools"),
        ({"garden": own, "tools": tools, "site": ours}, b"ours"),
    ]:
        assert tree(**files).static.find("garden/a.css").body == expected


def test_a_link_out_of_the_site_folder_is_not_served(tree: Any, tmp_path: Path) -> None:
    secret = tmp_path / ".env"
    secret.write_text("secret", encoding="utf-8")
    site_dir = tmp_path / "site" / "static" / "site"
    site_dir.mkdir(parents=True)
    (site_dir / "env.txt").symlink_to(secret)
    assert tree().static.find("site/env.txt") is None
