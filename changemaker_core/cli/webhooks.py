"""``changemaker webhooks``: lists, creates, tests and removes webhooks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from changemaker_core.features.webhooks.queries import DeliveryRow, StoredEndpoint
    from changemaker_core.features.webhooks.schemas import WebhookOut
    from changemaker_core.site import Site

    Result = TypeVar("Result")


@click.group()
def webhooks() -> None:
    """Notify other programs of what happens in the site.

    ID is that of a webhook, as `list` shows it.
    """


@webhooks.command("list")
@pass_site
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
def list_webhooks(site: Site, as_json: bool) -> None:
    """List the webhooks of the site, and what waits for each."""
    from changemaker_core.features.webhooks.queries import backlogs, endpoints
    from changemaker_core.features.webhooks.views import webhook_out

    waiting, now = site.db.sync.all(backlogs()), site.clock()
    found = [webhook_out(each, waiting, now) for each in site.db.sync.all(endpoints())]
    if as_json:
        _print(found)
        return
    for each in found:
        click.echo(f"{each.id}  {_state(each)}  {each.url}")
        click.echo(f"  {', '.join(each.events)}")
        if each.status_reason:
            click.echo(f"  {each.status_reason}")
    if not found:
        say("There are no webhooks.")


@webhooks.command()
@pass_site
@click.option("--json", "as_json", is_flag=True, help="Print an array, with JSON Schemas.")
def events(site: Site, as_json: bool) -> None:
    """List the events that webhooks can have."""
    from changemaker_core.features.webhooks.views import listed_events

    found = listed_events(site, str)
    if as_json:
        _print(found)
        return
    for each in found:
        click.echo(f"{each.name:36} {each.label}{f' ({each.personal})' if each.personal else ''}")


@webhooks.command()
@pass_site
@click.argument("url")
@click.option(
    "--event",
    "names",
    multiple=True,
    required=True,
    help="An event to send; repeat it for each. `webhooks events` lists them.",
)
@click.option("--description", default="", help="What receives it.")
@click.option("--owner", help="The email address of a user, who gets a mail when it is suspended.")
def add(site: Site, url: str, names: tuple[str, ...], description: str, owner: str | None) -> None:
    """Create a webhook to URL, and print it with its secret, which is shown this once."""
    from changemaker_core.config.characters import visible_line
    from changemaker_core.features.webhooks import services

    owner_id = _user(site, owner) if owner else None
    known = [each.item.name for each in services.events_of(site)]
    wanted = _checked(lambda: services.check_events(names, known))
    _checked(lambda: _check_url(site, url))
    values: dict[str, Any] = {"url": url, "events": wanted, "owner_id": owner_id}
    new = _checked(
        lambda: site.db.sync.write(
            services.create,
            services.sealer_of(site),
            description=visible_line(description).strip()[:200],
            **values,
        )
    )
    _print({"id": new.endpoint.id, "url": url, "events": wanted, "secret": new.secret})
    say("Store the secret now: it is not shown again.")


@webhooks.command()
@pass_site
@click.argument("webhook_id", metavar="ID")
def test(site: Site, webhook_id: str) -> None:
    """Send a test now, and print how it ended. Exit with 1 where it was not accepted."""
    from changemaker_core.features.webhooks.deliveries.attempts import Attempts
    from changemaker_core.features.webhooks.deliveries.delivering import end_test, note_test
    from changemaker_core.features.webhooks.queries import delivery_to_send
    from changemaker_core.features.webhooks.services import store_test

    delivery_id = _of(site, webhook_id, lambda: site.db.sync.write(store_test, webhook_id))
    attempts = Attempts(site)
    try:
        waiting = site.db.sync.get(delivery_to_send(id=delivery_id))
        outcome = attempts.send(waiting)
        site.db.sync.write(note_test, waiting, outcome)
    except BaseException as error:  # Ctrl-C too: it must not wait for ever
        reason = str(error) or type(error).__name__
        site.db.sync.write(end_test, delivery_id, f"it was not sent: {reason}")
        raise
    finally:
        attempts.close()
    if outcome.kind != "delivered":
        response = f"\n{outcome.response}" if outcome.response else ""
        raise CommandError(f"The test was not accepted: {outcome.error}.{response}")
    click.echo(f"accepted with {outcome.status_code} in {outcome.milliseconds} ms")


@webhooks.command()
@pass_site
@click.argument("webhook_id", metavar="ID")
def activate(site: Site, webhook_id: str) -> None:
    """Activate a webhook that is off, suspended or gone; what waits for it is sent."""
    _change(site, webhook_id, "active")
    say("It is active.")


@webhooks.command()
@pass_site
@click.argument("webhook_id", metavar="ID")
def disable(site: Site, webhook_id: str) -> None:
    """Turn a webhook off: what happens from then on is not stored for it."""
    _change(site, webhook_id, "off")
    say("It is off.")


@webhooks.command("rotate-secret")
@pass_site
@click.argument("webhook_id", metavar="ID")
@click.option(
    "--overlap",
    type=click.FloatRange(0, 168),
    default=24.0,
    show_default=True,
    help="Hours for which the former secret signs as well.",
)
def rotate_secret(site: Site, webhook_id: str, overlap: float) -> None:
    """Replace the secret of a webhook, and print the new one, which is shown this once."""
    from changemaker_core.features.webhooks import services

    sealer, hours = services.sealer_of(site), timedelta(hours=overlap)
    rotate = services.rotate_secret
    new = _of(site, webhook_id, lambda: site.db.sync.write(rotate, sealer, webhook_id, hours))
    click.echo(new.secret)


@webhooks.command()
@pass_site
@click.argument("webhook_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Ask no question.")
def remove(site: Site, webhook_id: str, yes: bool) -> None:
    """Delete a webhook with its deliveries, also those that wait."""
    from changemaker_core.features.webhooks.services import delete, delete_deliveries

    endpoint = _find(site, webhook_id)
    if not yes:
        click.confirm(f"Delete the webhook to {endpoint.url}?", abort=True, err=True)
    while site.db.sync.write(delete_deliveries, webhook_id):
        pass
    site.db.sync.write(delete, webhook_id)
    say("It is deleted.")


@webhooks.command()
@pass_site
@click.argument("webhook_id", metavar="ID")
@click.option("--state", type=click.Choice(["waiting", "delivered", "failed"]))
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print an array, with bodies and responses.")
def deliveries(site: Site, webhook_id: str, state: str | None, limit: int, as_json: bool) -> None:
    """List the deliveries of a webhook, the newest first."""
    from changemaker_core.features.webhooks.queries import deliveries as wanted

    _find(site, webhook_id)
    found = site.db.sync.all(wanted(endpoint_id=webhook_id, state=state, limit=limit))
    if as_json:
        _print(found)
        return
    for each in found:
        click.echo(_line(each))
    if not found:
        say("There are no deliveries.")


@webhooks.command()
@pass_site
@click.argument("webhook_id", metavar="ID")
@click.argument("delivery_id", metavar="DELIVERY")
def redeliver(site: Site, webhook_id: str, delivery_id: str) -> None:
    """Deliver a message again, with the same id, behind those that wait."""
    from changemaker_core.db import InvalidId, RowNotFound
    from changemaker_core.features.webhooks import services

    _find(site, webhook_id)
    try:
        _checked(lambda: site.db.sync.write(services.redeliver, webhook_id, delivery_id))
    except (RowNotFound, InvalidId) as error:
        raise CommandError(
            f"There is no delivery {delivery_id}. `changemaker webhooks deliveries {webhook_id}`"
            " lists them."
        ) from error
    say("It is delivered again by the running site.")


def _state(webhook: WebhookOut) -> str:
    wait = f", {webhook.waiting} waiting" if webhook.waiting else ""
    since = webhook.failing_since
    return f"{webhook.status}{wait}" + (
        f", failing since {since:%Y-%m-%d %H:%M} UTC" if since else ""
    )


def _line(row: DeliveryRow) -> str:
    ended = str(row.status_code or row.error or "")
    times = f", {row.attempts} attempts" if row.attempts > 1 else ""
    return f"{row.id}  {row.created_at:%Y-%m-%d %H:%M:%S}  {row.event}  {row.state}{times}  {ended}"


def _print(value: object) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)))


def _change(site: Site, webhook_id: str, status: str) -> None:
    from changemaker_core.features.webhooks.services import change

    _of(site, webhook_id, lambda: site.db.sync.write(change, webhook_id, {"status": status}))


def _find(site: Site, webhook_id: str) -> StoredEndpoint:
    from changemaker_core.features.webhooks.queries import endpoints

    return _of(site, webhook_id, lambda: site.db.sync.get(endpoints(id=webhook_id)))


def _of(site: Site, webhook_id: str, call: Callable[[], Result]) -> Result:
    from changemaker_core.db import InvalidId, RowNotFound

    try:
        return call()
    except (RowNotFound, InvalidId) as error:
        raise CommandError(
            f"There is no webhook {webhook_id}. `changemaker webhooks list` lists them."
        ) from error


def _checked(call: Callable[[], Result]) -> Result:
    from changemaker_core.features.webhooks.services import WebhookRefused
    from changemaker_core.features.webhooks.urls import URLRefused
    from changemaker_core.outgoing import NotPublic, OutgoingError

    try:
        return call()
    except NotPublic as error:
        raise CommandError(
            f"{error}. A server of your own network is allowed with webhooks.allow in"
            " changemaker.toml."
        ) from error
    except (WebhookRefused, URLRefused, OutgoingError) as error:
        raise CommandError(str(error)) from error


def _check_url(site: Site, url: str) -> None:
    from changemaker_core.features.webhooks.deliveries.attempts import Attempts

    attempts = Attempts(site)
    try:
        attempts.check(url)
    finally:
        attempts.close()


def _user(site: Site, email: str) -> str:
    from changemaker_core.features.accounts.api import account_by_email
    from changemaker_core.mail import canonical_email

    found = site.db.sync.one(account_by_email(canonical_email(email)))
    if found is None:
        raise CommandError(f"There is no user {email}. `changemaker users list` lists them.")
    return found.id
