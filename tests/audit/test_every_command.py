"""Each command that changes what people decide about leaves an entry, or has a reason."""

from __future__ import annotations

import getpass
from datetime import timedelta

import click
import pytest
from click.testing import CliRunner

from changemaker_core import Site
from changemaker_core.audit import CoreAuditEntry
from changemaker_core.cli import main
from changemaker_core.features.accounts.keys.models import ApiKey
from changemaker_core.features.webhooks.models import Endpoint
from changemaker_core.testing import migrate
from changemaker_influence.plugin import InfluencePlugin

READS = "shows what there is"
FILES = "writes files, and no row"
SETS_UP = "makes the site, or another one"
#: What leaves no entry, and why.
WITHOUT = {
    "audit actions": READS,
    "audit list": READS,
    "audit verify": READS,
    "backup": FILES,
    "demo": SETS_UP,
    "deploy compose": FILES,
    "deploy nginx": FILES,
    "deploy prometheus": FILES,
    "deploy systemd": FILES,
    "doctor": READS,
    "influence cancel": "calls the service of the API",
    "influence limits": READS,
    "influence retry": "calls the service of the API",
    "influence retry-failed": "calls the service of the API",
    "influence settle": "calls the service of the API",
    "influence unsettled": READS,
    "init": SETS_UP,
    "jobs list": READS,
    "keys list": READS,
    "mail dkim-key": FILES,
    "mail-templates edit": "is `set`, with an editor",
    "mail-templates history": READS,
    "mail-templates list": READS,
    "mail-templates preview": READS,
    "mail-templates show": READS,
    "migrate": "changes tables, and no row of anybody",
    "migrations check": FILES,
    "migrations make": FILES,
    "move-database": SETS_UP,
    "openapi": READS,
    "plugins explain": READS,
    "plugins list": READS,
    "privacy kinds": READS,
    "privacy retention": "does what the job of each day does",
    "queues list": READS,
    "restore": SETS_UP,
    "restore-drill": SETS_UP,
    "roles list": READS,
    "roles show": READS,
    "routes": READS,
    "serve": "runs the site",
    "settings get": READS,
    "settings history": READS,
    "settings list": READS,
    "settings test-mail": "tries a mail server",
    "translations list": FILES,
    "translations make": FILES,
    "users list": READS,
    "users show": READS,
    "webhooks deliveries": READS,
    "webhooks events": READS,
    "webhooks list": READS,
    "webhooks redeliver": "calls the service of the API",
    "webhooks test": "calls the service of the API",
    "worker": "runs the site's jobs",
}
ZOE = "zoe@example.org"
#: Commands, what they are about, and the action of their entry, in their order.
STEPS = (
    ("users create", f"{ZOE} --name Zoé", "accounts.user.created"),
    ("users create", "admin@example.org --role SUPER_ADMIN", "accounts.user.created"),
    ("users invite", "o@example.org --name O", "accounts.user.created"),
    ("users link", f"{ZOE} --for reset-password", "accounts.link.issued"),
    ("users role", f"{ZOE} INFLUENCE_ADMIN", "accounts.user.changed"),
    ("users suspend", ZOE, "accounts.user.suspended"),
    ("users reactivate", ZOE, "accounts.user.reactivated"),
    ("users unlock", ZOE, "accounts.user.unlocked"),
    ("users sessions", f"{ZOE} --end", "accounts.user.signed_out_everywhere"),
    ("users reset-password", ZOE, "accounts.user.password_changed"),
    ("keys create", f"{ZOE} --name Program --permission accounts.me.read", "accounts.key.created"),
    ("keys revoke", "{key}", "accounts.key.revoked"),
    ("settings set", "organisation name=Parks", "settings.group.changed"),
    ("settings reset", "organisation name", "settings.group.changed"),
    ("settings rollback", "organisation 1", "settings.group.restored"),
    ("settings rotate-secrets", "", "settings.secrets.rotated"),
    ("mail-templates set", "{template}", "mailtemplates.text.changed"),
    ("mail-templates reset", "{template}", "mailtemplates.text.reset"),
    ("mail-templates rollback", "{template} en 1", "mailtemplates.text.restored"),
    ("queues hold", "mail --note Wait", "operations.queue.held"),
    ("queues release", "mail --yes", "operations.queue.released"),
    ("jobs cancel", "{job}", "operations.job.cancelled"),
    (
        "influence raise-limit",
        "203.0.113.7 --to 90 --until {tomorrow}",
        "influence.limit.raised",
    ),
    ("influence reset-limit", "203.0.113.7", "influence.limit.reset"),
    ("webhooks add", "https://1.1.1.1/hook --event {event}", "webhooks.endpoint.created"),
    ("webhooks disable", "{webhook}", "webhooks.endpoint.changed"),
    ("webhooks activate", "{webhook}", "webhooks.endpoint.changed"),
    ("webhooks rotate-secret", "{webhook}", "webhooks.endpoint.secret_rotated"),
    ("webhooks remove", "{webhook} --yes", "webhooks.endpoint.deleted"),
    ("privacy export", ZOE, "privacy.person.exported"),
    ("privacy erase", f"{ZOE} --dry-run", "privacy.person.looked_up"),
    ("privacy erase", f"{ZOE} --yes", "privacy.person.erased"),
    ("users delete", "o@example.org --yes", "accounts.user.deleted"),
    ("audit export", "--format csv", "audit.log.exported"),
)
#: Those that need what no other command makes; the services are those of the API. That of
#: ``respell-emails`` is in ``tests/accounts/team/test_users.py``.
BY_OTHER_TESTS = {"users grant", "users reset-two-factor", "users respell-emails"}
TEMPLATE, EVENT = "accounts.password_changed", "influence.campaign.published"


@pytest.fixture
def site(make_config, monkeypatch):
    """A site that commands open as they open any, and its configuration."""
    config = make_config()
    monkeypatch.setattr(Site, "load", lambda *_, **__: Site(config, [InfluencePlugin]))
    (config.site_dir / "changemaker.toml").touch()
    monkeypatch.setenv("CHANGEMAKER_SITE", str(config.site_dir))
    site = Site(config, [InfluencePlugin])
    migrate(site)
    yield site
    site.close()


def leaves(command, context, path=()):
    """The names of all commands."""
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        yield from leaves(found, click.Context(found, parent=context), (*path, name))


@pytest.mark.database("sqlite")
def test_each_command_leaves_an_entry(site):
    found = {}
    for command, words, action in STEPS:
        words = words.format(**values(site, found))
        text = "A subject\n\n{{ link }}" if command == "mail-templates set" else None
        before = entries(site)
        result = CliRunner().invoke(main, [*command.split(), *words.split()], input=text)
        assert result.exit_code == 0, f"{command}: {result.output}"
        new = [entry for entry in entries(site) if entry.id not in {each.id for each in before}]
        assert action in {entry.action for entry in new}, f"{command}: {new}"
        for entry in new:
            assert entry.actor_kind == "command"
            assert getpass.getuser() in entry.details
    everything = set(leaves(main, click.Context(main)))
    assert everything - {step[0] for step in STEPS} - BY_OTHER_TESTS == WITHOUT.keys()


def entries(site):
    return site.db.sync.read(lambda: list(CoreAuditEntry.select()))


def values(site, found):
    """What a command is about."""
    if not found:
        tomorrow = site.clock() + timedelta(days=1)
        job = site.db.sync.write(lambda tx: tx.enqueue("core.purge", {}, due_at=tomorrow))
        found |= {"job": job, "tomorrow": tomorrow.date(), "template": TEMPLATE, "event": EVENT}
    for name, model in (("key", ApiKey), ("webhook", Endpoint)):
        ids = site.db.sync.read(lambda model=model: [str(row.id) for row in model.select()])
        found[name] = next(iter(ids), "")
    return found
