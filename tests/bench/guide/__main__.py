"""Follow docs/guides/install.md and staging.md in an empty Debian.

``python -m tests.bench.guide``; with ``--from COMMIT``, install that commit by the guide, and
upgrade it. Each takes ten minutes and the network, as root.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.guide.blocks import Block, blocks
from tests.bench.guide.machine import Machine, make_base

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "guides" / "install.md"
#: Followed after it, on the same machine.
STAGING = ROOT / "docs" / "guides" / "staging.md"
DISTRIBUTIONS = (".", "plugins/influence", "plugins/admin", "plugins/deploy")
#: Services that a Debian machine starts when they are installed.
STARTED = {"postgresql": "service postgresql start", "nginx": "service nginx start"}
USERS = "runuser -u changemaker -- /srv/venv/bin/changemaker --site /srv/changemaker/site users"
CURL = (
    "curl --fail --silent --show-error --cacert /etc/changemaker/certificate.pem"
    " --resolve campaigns.example.org:443:127.0.0.1 https://campaigns.example.org"
)


def main() -> None:
    """Follow the guides, or an upgrade."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="commit", help="install this commit, and upgrade")
    parser.add_argument("--base", type=Path, default=Path("/var/tmp/changemaker-debian"))  # noqa: S108
    options = parser.parse_args()
    make_base(options.base)
    with tempfile.TemporaryDirectory(dir=options.base.parent) as folder:
        new = build(ROOT, Path(folder) / "new")
        machine = Path(folder) / "machine"
        if options.commit is None:
            follow(options.base, machine, first=new)
        else:
            checkout = check_out(options.commit, Path(folder) / "checkout")
            follow(options.base, machine, first=build(checkout, Path(folder) / "old"), then=new)


def follow(base: Path, folder: Path, *, first: Path, then: Path | None = None) -> None:
    """Follow the guide on a new machine. With ``then``, what is about backups and monitoring comes
    after the upgrade: the earlier code need not have it."""
    tried = [block for block in blocks(PAGE) if block.is_tried]
    upgrade = [block for block in tried if block.section == "Upgrade"]
    later = [block for block in tried if block.section in ("Backups", "Monitoring")]
    begin = [block for block in tried if block not in (*upgrade, *later)]
    with Machine(base, folder) as machine:
        machine.install_shim()
        machine.put(first, "/root/wheels")
        follow_blocks(machine, begin)
        machine.run(f"{USERS} create kept@example.org --name Kept --role INFLUENCE_ADMIN")
        if then is None:
            follow_blocks(machine, later)
            follow_staging(machine)
            follow_blocks(machine, upgrade)
        else:
            machine.put(then, "/root/wheels")
            follow_blocks(machine, [without_what_comes_later(block) for block in upgrade])
            follow_blocks(machine, later)
        check(machine)


def follow_staging(machine: Machine) -> None:
    """Make a staging copy, and find its mail held; then remove it."""
    *made, removed = [block for block in blocks(STAGING) if block.is_tried]
    follow_blocks(machine, made)
    command = "runuser -u changemaker -- /srv/venv/bin/changemaker --site /srv/changemaker/staging"
    held = machine.run(f"{command} queues list")
    assert "mail" in held and "restore" in held, held
    assert "Nothing was sent" not in machine.run(f"{command} doctor || true")
    assert "kept@example.org" in machine.run(f"{command} users list")
    follow_blocks(machine, [removed])


def without_what_comes_later(block: Block) -> Block:
    """The upgrade of a machine that has no backups and no monitoring yet."""
    lines = block.commands.splitlines()
    left = [line for line in lines if "changemaker-backup" not in line and "prometheus" not in line]
    return Block(block.section, "\n".join(left), True)


def follow_blocks(machine: Machine, chosen: list[Block]) -> None:
    """Run blocks, and start what their packages would have started."""
    for block in chosen:
        say(f"## {block.section}\n{block.commands.rstrip()}")
        began = time.monotonic()
        try:
            printed = machine.run(block.commands, network=block.needs_network)
            for name, command in STARTED.items():
                if "apt-get install" in block.commands and f" {name}" in block.commands:
                    machine.run(command)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{error.output[-4000:]}\nFAILED: {block.section}")
        tail = "\n".join(line for line in printed.splitlines()[-12:] if line[:1] != "+")
        say(f"{tail}\n({time.monotonic() - began:.0f} s)")


def check(machine: Machine) -> None:
    """Check that the site is there, that its data is, and that Prometheus reads it."""
    assert "kept@example.org" in machine.run(f"{USERS} list")
    assert '"status":"ok"' in machine.run(f"{CURL}/api/health").replace(" ", "")
    assert "<html" in machine.run(f"{CURL}/sign-in")
    query = "curl --fail --silent 'http://127.0.0.1:9090/api/v1/query?query={}'"
    deadline = time.monotonic() + 90
    while '"value"' not in (result := machine.run(query.format("cm_backup_timestamp_seconds"))):
        if time.monotonic() > deadline:
            sys.exit(f"Prometheus has no metrics: {result}")
        time.sleep(3)
    up = machine.run(query.format("up"))
    assert '"1"' in up, up
    rules = machine.run("curl --fail --silent http://127.0.0.1:9090/api/v1/rules")
    assert "ChangemakerDown" in rules and '"health":"err"' not in rules, rules
    say("The site responds, its data is there, and Prometheus reads its metrics.")


def build(checkout: Path, target: Path) -> Path:
    """Build the wheels of a checkout."""
    for distribution in DISTRIBUTIONS:
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(target), distribution]
        subprocess.run(command, cwd=checkout, check=True, stdout=subprocess.DEVNULL)
    return target


def check_out(commit: str, folder: Path) -> Path:
    """Write the files of a commit into a new folder."""
    folder.mkdir()
    archive = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    subprocess.run(["tar", "--extract"], cwd=folder, check=True, input=archive.stdout)
    return folder


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
