"""A change of a setting reaches every process of the site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from changemaker_core.features.settings.api import change_settings

PROGRAM = Path(__file__).parent / "programs" / "watch_settings.py"


def test_web_process_and_job_runner_use_a_change(make_site: Any) -> None:
    site = make_site()
    command = [sys.executable, PROGRAM, site.config.site_dir, site.config.database_url]
    watching = {
        role: subprocess.Popen([*command, role], stdout=subprocess.PIPE, text=True)
        for role in ("web", "jobs")
    }
    try:
        assert {_line(each) for each in watching.values()} == {"Changemaker"}
        for name in ("Prairie Transit Alliance", "Voisins de l’eau"):
            change_settings(site, "organisation", {"name": name})
            assert [_line(process) for process in watching.values()] == [name, name]
    finally:
        for process in watching.values():
            process.terminate()
            process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
