"""The generated systemd units: their commands, their hardening, and their quoting."""

from __future__ import annotations

import getpass
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from changemaker_deploy.systemd import Installation, systemd
from changemaker_deploy.topology import Topology, Upstream


def test_units_listen_where_nginx_expects_them(site, run, generated):
    units = generated("systemd", "--split", "petitions", "--workers", "3")
    assert sorted(units) == [
        "changemaker-backup.service",
        "changemaker-backup.timer",
        "changemaker-petitions.service",
        "changemaker.service",
    ]
    main = units["changemaker.service"].read_text()
    split = units["changemaker-petitions.service"].read_text()
    option = f"--site {site.folder}"
    command = f"{option} serve --host 127.0.0.1 --port 4000 --workers 3 --except petitions\n"
    assert command in main
    assert f"{option} serve --host 127.0.0.1 --port 4100 --workers 3 --only petitions\n" in split
    assert "server 127.0.0.1:4100;" in run("nginx", "--split", "petitions").stdout
    assert f"ReadWritePaths={site.folder}\n" in main


def test_a_site_with_redis_has_a_unit_for_its_worker(generated):
    environment = {
        "CHANGEMAKER_DATABASE_URL": "postgresql://changemaker@127.0.0.1/changemaker",
        "CHANGEMAKER_REDIS_URL": "redis://127.0.0.1:6379/0",
    }
    units = generated("systemd", **environment)
    assert {"changemaker-worker.service", "changemaker.service"} < set(units)
    worker = units["changemaker-worker.service"].read_text()
    assert re.search(r"^ExecStart=.* worker$", worker, re.MULTILINE)
    assert "ExecReload" not in worker


def test_systemd_waits_longer_than_requests_may_take(generated, run):
    split = ("--split", "petitions", "--drain", "petitions=1800")
    units = generated("systemd", *split, CHANGEMAKER_DRAIN_SECONDS="20")
    main, other = (units[f"changemaker{name}.service"].read_text() for name in ("", "-petitions"))
    assert "--drain" not in main and "\nTimeoutStopSec=27\n" in main
    assert " --only petitions --drain 1800\n" in other and "\nTimeoutStopSec=1807\n" in other
    for wrong in ("petitions=long", "0", "=", "petitions=-1"):
        assert "is not [PLUGIN=]SECONDS" in run("systemd", "--drain", wrong).stderr
    assert "not split off" in run("systemd", "--drain", "petitions=60").stderr


def test_units_hold_sections_and_keys_with_values(generated):
    for unit in generated("systemd", "--split", "petitions").values():
        text = unit.read_text()
        sections = {
            "changemaker-backup.service": ["Unit", "Service"],  # the timer starts it
            "changemaker-backup.timer": ["Unit", "Timer", "Install"],
        }
        expected = sections.get(unit.name, ["Unit", "Service", "Install"])
        assert re.findall(r"^\[(\w+)\]$", text, re.MULTILINE) == expected
        lines = [line for line in text.splitlines() if line and line[0] not in "#["]
        assert all(re.fullmatch(r"[A-Z][A-Za-z]+=.*", line) for line in lines), lines


@pytest.mark.systemd
def test_systemd_accepts_the_units(generated):
    for unit in generated("systemd", "--split", "petitions", "--user", "root").values():
        verified = subprocess.run(
            ["systemd-analyze", "verify", unit], capture_output=True, text=True
        )
        assert (verified.returncode, verified.stderr) == (0, "")
        if unit.suffix == ".timer":
            continue
        hardened = ["systemd-analyze", "security", "--offline=true", "--threshold=25", unit]
        assert subprocess.run(hardened, capture_output=True).returncode == 0


def test_paths_with_spaces_and_specifiers_are_quoted():
    installation = Installation(
        site=Path("/srv/a 100% $ite"), executable=Path("/opt/my venv/changemaker")
    )
    unit, backup, _ = systemd(Topology(Upstream("main", ("[::1]:4000",))), installation)
    assert 'ExecStart="/opt/my venv/changemaker" --site "/srv/a 100%% $$ite" serve' in unit.text
    assert "--host ::1 --port 4000" in unit.text
    assert 'ReadWritePaths="/srv/a 100%% $ite"\n' in unit.text
    assert 'ReadWritePaths="/srv/a 100%% $ite" /srv/backups\n' in backup.text
    assert '"/srv/a 100%% $$ite" backup /srv/backups --keep 14\n' in backup.text


def test_the_folder_of_backups_is_created_where_it_is_missing(tmp_path):
    folder = tmp_path / "a 100% $ite"
    installation = Installation(
        site=Path("/srv/site"),
        executable=Path("/opt/venv/changemaker"),
        user=getpass.getuser(),
        backups=folder,
    )
    *_, backup, _ = systemd(Topology(Upstream("main", ("[::1]:4000",))), installation)
    (line,) = re.findall(r"^ExecStartPre=\+(.*)$", backup.text, re.MULTILINE)
    command = shlex.split(line.replace("$$", "$").replace("%%", "%"))
    assert command[0] == "/bin/sh"
    subprocess.run(command, check=True)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o750)  # what an operator has chosen stays
    subprocess.run(command, check=True)
    assert folder.stat().st_mode & 0o777 == 0o750


def test_services_have_a_bound_for_memory(generated, run):
    units = generated("systemd", "--memory", "1500M", "--backups", "/mnt/backups")
    assert all(
        "\nMemoryMax=1500M\n" in units[f"changemaker{n}.service"].read_text()
        for n in ("", "-backup")
    )
    assert " backup /mnt/backups --keep 14\n" in units["changemaker-backup.service"].read_text()
    shared = generated("systemd", "--split", "petitions", "--force")
    for name in ("changemaker", "changemaker-petitions"):
        assert "\nMemoryMax=30%\n" in shared[f"{name}.service"].read_text()
    for wrong in ("much", "0", "120%", "2G\nUser=root"):
        assert "is not an amount of memory" in run("systemd", "--memory", wrong).stderr
