"""This project's sessions: ``nox -l`` lists them, ``nox`` runs the quick ones.

Tools and their versions are the dependency groups of ``pyproject.toml``. Environments are made with
uv where it is installed (``pip install 'nox[uv]'`` brings it), else with virtualenv and pip.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PLUGINS = sorted(folder.parent.name for folder in ROOT.glob("plugins/*/pyproject.toml"))
EDITABLE = [part for name in PLUGINS for part in ("-e", f"plugins/{name}")]

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "imports", "tests"]
nox.options.reuse_existing_virtualenvs = True


def _group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


def _install_everything(session: nox.Session, *options: str) -> None:
    session.install(*options, "-e", ".[testing]", *EDITABLE, *_group("tests"))


def _options() -> list[str]:
    """Options of pytest.

    Half of the time goes by in waiting for servers to start, or to be killed, so that three run
    side by side on two cores. In CI, a suite whose system package is absent fails instead of being
    left out.
    """
    strict = ["--nothing-left-out"] if os.environ.get("CI") == "true" else []
    return ["-q", "-n", "3", "--dist", "worksteal", *strict]


@nox.session
def demo(session: nox.Session) -> None:
    """Make and serve a demonstration site."""
    session.install("-e", ".", *EDITABLE)
    session.run("changemaker", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the core's tests, then each plugin's against its built wheel (the sessions ``plugin``).

    Arguments go to pytest, and where there are any, the plugins' sessions do not follow:
    ``nox -s tests -- tests/cli -k port``.
    """
    if not session.posargs:
        for name in PLUGINS:
            session.notify(f"plugin({name})")
    _install_everything(session)
    if session.posargs:
        session.run("pytest", *_options(), *session.posargs)
        return
    failed = False
    for group in (["-m", "not alone"], ["-m", "alone", "-n", "0"]):
        try:
            session.run("pytest", *_options(), *group, "tests")
        except CommandFailed:  # the other group runs all the same: one report names everything
            failed = True
    if failed:
        session.error("tests failed")


#: The long forms of the suites in which servers are killed, halted, cut off, and compared.
LONG = {
    "CHANGEMAKER_KILL_MAILS": "2000",
    "CHANGEMAKER_KILLS": "40",
    "CHANGEMAKER_HANG_SECONDS": "60",
    "CHANGEMAKER_LANE_JOBS": "90",
    "CHANGEMAKER_CUT_SECONDS": "30",
    "CHANGEMAKER_LEASE_SECONDS": "10",
    "CHANGEMAKER_CACHE_WRITES": "3000",
}


SOAKED = [
    "tests/cache/test_processes.py",
    "tests/jobs/test_kill.py",
    "tests/jobs/test_lanes_kill.py",
    "tests/rq/test_kill.py",
    "tests/rq/test_trouble.py",
    "tests/scenarios/test_letters_kill.py",
    "tests/scenarios/test_machines.py",
]


@nox.session
def soak(session: nox.Session) -> None:
    """Kill, halt and cut off servers, and compare what they show: three quarters of an hour."""
    _install_everything(session)
    session.run("pytest", *_options(), "-n", "0", *session.posargs, *SOAKED, env=LONG)


@nox.session
def screens(session: nox.Session) -> None:
    """Look at every screen of organisers in every look with axe and the keyboard: ten minutes."""
    _install_everything(session)
    options = [*_options(), "-n", "0", *session.posargs]
    session.run("pytest", *options, "tests/screens", env={"CHANGEMAKER_EVERY_LOOK": "1"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Hold the API to its own OpenAPI document, as each role."""
    _install_everything(session)
    session.install(*_group("fuzz"))
    session.run("pytest", *_options(), *session.posargs, "tests/scenarios/fuzz_api.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    _install_everything(session)
    session.install(*_group("types"))
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that each room imports only the rooms below it, and that the core knows no plugin."""
    session.install("-e", ".", *EDITABLE, *_group("imports"))
    session.run("lint-imports")


@nox.session
@nox.parametrize("name", PLUGINS, ids=PLUGINS)
def plugin(session: nox.Session, name: str) -> None:
    """Test one plugin as its users get it: from its wheel, with what it declares and no more."""
    scratch = Path(session.create_tmp()).resolve()
    own = nox.project.load_toml(ROOT / "plugins" / name / "pyproject.toml")
    needed = own.get("dependency-groups", {}).get("tests", [])
    # Another plugin that its tests need is installed from its wheel, too.
    others = [each for each in PLUGINS if f"changemaker-{each}" in needed]
    wheels = [str(_wheel(session, ROOT / "plugins" / each)) for each in (name, *others)]
    tools = [each for each in needed if each.removeprefix("changemaker-") not in others]
    core = f"{_wheel(session, ROOT)}[testing]"
    session.install("--force-reinstall", core, *wheels, "pytest-xdist", *tools)
    # Away from the checkout, and without it on the path: only the tests are taken from there.
    alone = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-o", "pythonpath="]
    with session.chdir(scratch):
        session.run("pytest", *_options(), *alone, *session.posargs, str(ROOT / "plugins" / name))


#: The wheels of this run by their folders: each plugin is tested with the same wheel of the core.
_WHEELS: dict[Path, Path] = {}


def _wheel(session: nox.Session, folder: Path) -> Path:
    """Build a distribution's wheel, outside of the environment under test, once."""
    if folder not in _WHEELS:
        scratch = Path(session.cache_dir).resolve()  # of all sessions
        builder = scratch / "builder"
        into = scratch / ("core" if folder == ROOT else folder.name)  # a checkout has any name
        if not builder.exists():
            session.run("python", "-m", "venv", str(builder), external=True)
        shutil.rmtree(into, ignore_errors=True)
        command = [str(builder / "bin" / "pip"), "wheel", "-q", "--no-deps", "-w", str(into)]
        session.run(*command, str(folder), external=True)
        (_WHEELS[folder],) = into.glob("*.whl")
    return _WHEELS[folder]


#: Tests of our own rules, words and files, which a library of another version does not change.
OUR_OWN_RULES = [
    "tests/audit",
    "tests/docs",
    "tests/mistakes",
    "tests/moving",
    "tests/plugin/test_doctor.py",
    "tests/privacy",
    "tests/spreadsheets",
    "tests/web/test_catalogues.py",
    "tests/web/test_sources.py",
    "tests/webhooks",
]


@nox.session(venv_backend="uv")
def minimum(session: nox.Session) -> None:
    """Run the two lower layers with the lowest versions of what is declared.

    The scenarios, browsers and kills of the upper two take minutes and show nothing about versions,
    and neither do other rooms than the database's on a second database, nor what is left out. Of
    plugins it is the lowest layer alone: the rest stands on the core's.
    """
    _install_everything(session, "--resolution", "lowest-direct")
    left_out = [f"--ignore={path}" for path in OUR_OWN_RULES]
    options = [*_options(), "-m", "unit or component", *left_out, *session.posargs]
    session.run("pytest", *options, "--database=sqlite", "tests")
    # Of plugins, what their own libraries are for: addresses, telephone numbers, formatted text.
    session.run("pytest", *_options(), "-m", "unit", *session.posargs, "plugins")
    session.run("pytest", *options, "--database=postgresql", "tests/db", "tests/jobs")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.install(*_group("docs"))
    session.env["NO_MKDOCS_2_WARNING"] = "1"
    session.run("mkdocs", "build", "--strict", "--quiet", *session.posargs)


@nox.session
def guide(session: nox.Session) -> None:
    """Follow the operator's guide word for word in an empty Debian; --from COMMIT: an upgrade.

    Not part of CI: it needs root, debootstrap, Debian's mirror, and ten minutes.
    """
    session.install("build")
    session.run("python", "-m", "tests.bench.guide", *session.posargs)


@nox.session
def screenshots(session: nox.Session) -> None:
    """Take the documentation's pictures of the demonstration site with Chromium."""
    _install_everything(session)
    session.run("python", "docs/take_screenshots.py", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure the product beside its peers; needs Node, wrk and a quiet machine."""
    session.install("-e", ".", *EDITABLE)
    session.run("python", "-m", "benchmarks", *session.posargs)
