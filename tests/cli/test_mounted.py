"""``--only`` and ``--except``: which jobs a process does, and names that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from changemaker_core import Job, Plugin, Subscription, hookimpl
from changemaker_core.jobs import Executor
from changemaker_core.server.errors import CommandError
from changemaker_core.server.loading import check_plugin_names, mounted_jobs
from changemaker_core.server.spec import ProcessSpec

pytestmark = pytest.mark.database("sqlite")

done: list[str] = []


def write_left(run: Any) -> None:
    done.append("left")


def write_right(run: Any) -> None:
    done.append("right")


def hear(run: Any) -> None:
    done.append("right heard")


class LeftPlugin(Plugin):
    name = "left"

    @hookimpl
    def cm_register_jobs(self) -> list[Job]:
        return [Job("left.write", write_left)]


class RightPlugin(Plugin):
    name = "right"

    @hookimpl
    def cm_register_jobs(self) -> list[Job]:
        return [Job("right.write", write_right)]

    @hookimpl
    def cm_register_subscriptions(self) -> list[Subscription]:
        return [Subscription("left.written", hear)]


@pytest.fixture
def site(make_site: Any) -> Any:
    done.clear()
    site = make_site(LeftPlugin, RightPlugin)

    def fill(tx: Any) -> None:
        tx.enqueue("left.write", {})
        tx.enqueue("right.write", {})
        tx.emit("left.written", {})

    site.db.sync.write(fill)
    return site


def run(site: Any, **chosen: tuple[str, ...]) -> list[str]:
    """What a process under these orders does of what waits."""
    done.clear()
    orders = ProcessSpec(kind="jobs", site="", **chosen)
    Executor(site, names=mounted_jobs(site, orders)).run_due()
    return sorted(done)


def test_a_process_does_the_jobs_of_what_it_mounts(site: Any) -> None:
    assert run(site, only=("left",)) == ["left"]
    assert run(site, only=("left",)) == []
    assert run(site, except_=("left",)) == ["right", "right heard"]


def test_nothing_is_left_undone_between_only_and_except(site: Any) -> None:
    assert run(site, except_=("right",)) + run(site, only=("right",)) == [
        "left",
        "right",
        "right heard",
    ]
    assert run(site) == []


def test_both_do_the_jobs_of_core(site: Any) -> None:
    core = set(site.job_names()) - {"left.write", "right.write"}
    core = {name for name in core if not name.startswith("left.written")}
    assert core
    for chosen in ({"only": ("left",)}, {"except_": ("left",)}):
        assert core <= set(mounted_jobs(site, ProcessSpec(kind="jobs", site="", **chosen)) or ())


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"only": ("rigt",)}, "Did you mean 'right'?"),
        ({"except_": ("nothing",)}, "no plugin called 'nothing'"),
        ({"only": ("left", "accounts")}, "'accounts' is part of core"),
    ],
)
def test_a_name_that_means_nothing_is_refused(site: Any, chosen: Any, said: str) -> None:
    with pytest.raises(CommandError, match=r"^--(only|except): ") as refused:
        check_plugin_names(site, ProcessSpec(kind="web", site="", **chosen))
    assert said in str(refused.value)


def test_known_names_pass(site: Any) -> None:
    check_plugin_names(site, ProcessSpec(kind="web", site="", only=("left",)))
    check_plugin_names(site, ProcessSpec(kind="web", site="", only=("anything",), safe_mode=True))


def test_serve_refuses_a_name_that_means_nothing(cli: Any, site_folder: Any) -> None:
    ended = cli.run("serve", "--site", site_folder, "--port", 0, "--only", "influense")
    assert ended.returncode == 1
    assert "no plugin called 'influense' is loaded." in ended.stderr
    assert "http://" not in ended.stdout


@pytest.fixture
def site_folder(cli: Any, made: Any) -> Any:
    import shutil

    return shutil.copytree(made.folder, cli.folder / "site")
