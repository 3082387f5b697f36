"""``changemaker users``: manages accounts, with the rights of an operator."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.cli.team.common import day, explained, print_json
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_core.site import Site

_MOST: Final = 1_000


@click.group()
def users() -> None:
    """Manage the accounts of users."""


@users.command(short_help="Create an account.")
@pass_site
@click.argument("email")
@click.option("--name", help="The person's name [default: the email before the @].")
@click.option(
    "--role",
    default="USER",
    show_default=True,
    help="The person's role. The error for an unknown one lists them all.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON.")
def create(
    site: Site, email: str, name: str | None, role: str, password_stdin: bool, as_json: bool
) -> None:
    """Create an account for EMAIL, with a random password that is shown only once."""
    from changemaker_core.features.accounts import api

    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    with explained():
        user_id, password = api.create_user(
            site, email=email, name=name or email.partition("@")[0], role=role, password=given
        )
    account = {"id": user_id, "email": email, "role": role}
    if given is None:
        account["password"] = password
    if as_json:
        click.echo(json.dumps(account))
        return
    click.echo(f"Created {email} with the role {role}.")
    if given is None:
        click.echo(f"Password (shown only once): {password}")


@users.command(short_help="Invite a person by mail.")
@pass_site
@click.argument("email")
@click.option("--name", help="The person's name [default: the email before the @].")
@click.option("--role", default="USER", show_default=True, help="The person's role.")
@click.option("--days", type=click.IntRange(min=1), help="Close the account after so many days.")
@click.option("--withdraw", is_flag=True, help="Withdraw an invitation that was not accepted.")
def invite(
    site: Site, email: str, name: str | None, role: str, days: int | None, withdraw: bool
) -> None:
    """Invite EMAIL, who chooses a password by the link in the mail. Once more sends a new link."""
    from changemaker_core.features.accounts import api
    from changemaker_core.features.accounts.roles.services import OPERATOR
    from changemaker_core.features.accounts.users.models import INVITED, User
    from changemaker_core.mail import canonical_email

    if withdraw:
        _manage(site, email, "withdraw")
        click.echo(f"The invitation of {email} is withdrawn.")
        return
    mine = (User.email == canonical_email(email)) & (User.status == INVITED)
    if site.db.sync.read(lambda: User.select().where(mine).exists()):
        _manage(site, email, "invite")
    else:
        end = None if days is None else site.clock() + timedelta(days=days)
        called = name or email.partition("@")[0]
        with explained():
            site.db.sync.write(
                lambda tx: api.invite(
                    tx, site, email=email, name=called, role=role, expires_at=end, by=OPERATOR
                )
            )
    click.echo(f"{email} is invited: the mail is sent when the site runs.")


#: What ``--for`` is called, and what accounts call it.
_LINKS: Final = {
    "sign-in": "sign_in",
    "reset-password": "reset",
    "verify-email": "email",
    "join": "registration",
}


@users.command(short_help="Make a link such as those in mails.")
@pass_site
@click.argument("email")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(list(_LINKS)),
    default="sign-in",
    show_default=True,
    help="What the link does.",
)
@click.option("--mail", "mailed", is_flag=True, help="Send it to EMAIL instead of showing it.")
def link(site: Site, email: str, purpose: str, mailed: bool) -> None:
    """Make a link for EMAIL that works once and for a while, as those in the site's mails do.

    It signs EMAIL in, replaces a password, confirms an address, or accepts an invitation. Without
    --mail, pass it on: anyone who has it can use it.
    """
    from changemaker_core.features.accounts import api

    with explained():
        address = api.issue_link(site, purpose=_LINKS[purpose], email=email, mailed=mailed)
    click.echo(f"The link is sent to {email} when the site runs." if mailed else address)


@users.command("list")
@pass_site
@click.argument("text", required=False)
@click.option("--role", help="Only users with this role.")
@click.option(
    "--status", type=click.Choice(["ACTIVE", "INVITED", "SUSPENDED", "EXPIRED"]), help="Only these."
)
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
def list_users(
    site: Site, text: str | None, role: str | None, status: str | None, as_json: bool
) -> None:
    """List users, or those with TEXT in their name or address; 1,000 at most, the newest first."""
    from changemaker_core.features.accounts.users.queries import team_users
    from changemaker_core.features.accounts.users.resources import shown

    now = site.clock()
    wanted = team_users(role=role, status=status, text=text or None, limit=_MOST)
    found = [shown(user, now) for user in site.db.sync.all(wanted)]
    if as_json:
        print_json(found)
        return
    for user in found:
        click.echo(f"{user.email}  {user.name}  {user.role}  {user.status}")
    if not found:
        say("There are no such users.")


@users.command()
@pass_site
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def show(site: Site, email: str, as_json: bool) -> None:
    """Show the user EMAIL, and what they may do."""
    from changemaker_core.features.accounts.roles.roles import roles_of
    from changemaker_core.features.accounts.users.resources import detail_of

    id = _id_of(site, email)
    user = site.db.sync.read(detail_of, roles_of(site), id, site.clock())
    if as_json:
        print_json(user)
        return
    lines = [
        f"{user.email}  {user.name}",
        f"id          {user.id}",
        f"role        {user.role}",
        f"status      {user.status}",
        f"verified    {day(user.email_verified_at)}",
        f"closes      {day(user.expires_at)}",
        f"signed in   {day(user.last_login_at)}",
        f"may         {', '.join(user.permissions)}",
    ]
    for grant in user.grants:
        what = f"{grant.scope} {grant.object_id} ({grant.title or 'which is no more'})"
        lines.append(f"also        {grant.role} for {what}")
    click.echo("\n".join(lines))


@users.command()
@pass_site
@click.argument("email")
@click.argument("role")
def role(site: Site, email: str, role: str) -> None:
    """Give the user EMAIL the role ROLE, in place of the one that they have."""
    from changemaker_core.features.accounts.users.schemas import UserChange

    _manage(site, email, "change", UserChange(role=role))
    click.echo(f"{email} has the role {role}.")


@users.command(short_help="Give a role for one object.")
@pass_site
@click.argument("email")
@click.argument("role")
@click.argument("scope")
@click.argument("object_id")
@click.option("--end", is_flag=True, help="Take it away instead.")
def grant(site: Site, email: str, role: str, scope: str, object_id: str, end: bool) -> None:
    """Give the user EMAIL the role ROLE for one object: SCOPE is its kind, OBJECT_ID its id."""
    from changemaker_core.features.accounts import api

    with explained():
        if end:
            _end_grant(site, email, (role, scope, object_id))
        else:
            api.grant(site, email=email, role=role, scope=scope, object_id=object_id)
    does = "no longer has" if end else "has"
    click.echo(f"{email} {does} the role {role} for {scope} {object_id}.")


@users.command()
@pass_site
@click.argument("email")
def suspend(site: Site, email: str) -> None:
    """Keep EMAIL from signing in, and end their sessions."""
    _manage(site, email, "suspend")
    click.echo(f"{email} is suspended.")


@users.command()
@pass_site
@click.argument("email")
def reactivate(site: Site, email: str) -> None:
    """Let EMAIL sign in again, after they were suspended."""
    _manage(site, email, "reactivate")
    click.echo(f"{email} is active.")


@users.command(short_help="End the wait after wrong passwords.")
@pass_site
@click.argument("email")
def unlock(site: Site, email: str) -> None:
    """Let EMAIL sign in at once, after wrong passwords have made its network wait."""
    _manage(site, email, "unlock")
    click.echo(f"{email} can sign in again.")


@users.command(short_help="Replace a password.")
@pass_site
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def reset_password(site: Site, email: str, password_stdin: bool) -> None:
    """Give EMAIL a random password, which is shown only once, and end their sessions."""
    from changemaker_core.features.accounts import api, passwords

    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    password = given if given is not None else passwords.generate()
    with explained():
        api.set_password(site, email=email, password=password)
    click.echo(f"{email} has a new password, and is signed out everywhere.")
    if given is None:
        click.echo(f"Password (shown only once): {password}")


@users.command("reset-two-factor", short_help="Turn two-factor sign-in off.")
@pass_site
@click.argument("email")
def reset_two_factor(site: Site, email: str) -> None:
    """Let EMAIL sign in with the password alone, after they lost their phone and recovery codes.

    They are signed out everywhere, and get a mail about it.
    """
    from changemaker_core.features.accounts import api

    with explained():
        was_on = api.reset_two_factor(site, email=email)
    click.echo(f"{email} signs in with the password alone." if was_on else "It was off already.")


@users.command("respell-emails", short_help="Repair accounts that are not found by their address.")
@pass_site
def respell_emails(site: Site) -> None:
    """Store email addresses in the spelling that sign-in looks for, such as without capitals.

    Where two accounts have spellings of one address, both stay as they are and are listed: exit
    status 1.
    """
    from changemaker_core.features.accounts import api

    found = api.respell_emails(site)
    double = [each for each in found if each.other is not None]
    click.echo(f"Accounts whose email address was repaired: {len(found) - len(double)}.")
    for each in double:
        click.echo(
            f"{each.email} ({each.user_id}) and {each.canonical} ({each.other}) are one mailbox:"
            " delete one of the accounts.",
            err=True,
        )
    if double:
        sys.exit(1)


@users.command(short_help="List or end the sessions of a user.")
@pass_site
@click.argument("email")
@click.option("--end", is_flag=True, help="Sign the user out everywhere.")
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
def sessions(site: Site, email: str, end: bool, as_json: bool) -> None:
    """List where EMAIL is signed in: in browsers, and with the API."""
    from changemaker_core.features.accounts.browser.sessions import sessions_of
    from changemaker_core.features.accounts.sessions.devices import describe
    from changemaker_core.features.accounts.sessions.queries import sessions_of_user

    if end:
        _manage(site, email, "end_sessions")
        click.echo(f"{email} is signed out everywhere.")
        return
    now = site.clock()
    used_since = sessions_of(site).idle_since(now)
    found = site.db.sync.all(sessions_of_user(_id_of(site, email), used_since, now))
    if as_json:
        print_json(found)
        return
    for each in found:
        click.echo(f"{each.kind}  {describe(each.user_agent)}  {each.address}  {day(each.seen_at)}")
    if not found:
        say(f"{email} is not signed in anywhere.")


@users.command()
@pass_site
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(site: Site, email: str, yes: bool) -> None:
    """Delete the account of EMAIL, with their sessions and API keys; what they made stays."""
    _id_of(site, email)
    if not yes:
        click.confirm(f"Delete the account of {email}?", abort=True, err=True)
    _manage(site, email, "delete")
    click.echo(f"The account of {email} is deleted.")


def _end_grant(site: Site, email: str, wanted: tuple[str, str, str]) -> None:
    from changemaker_core.features.accounts.roles import services
    from changemaker_core.features.accounts.roles.queries import grants_of
    from changemaker_core.features.accounts.roles.roles import roles_of

    id, roles = _id_of(site, email), roles_of(site)

    def end(tx: Tx) -> None:
        held = grants_of(id).all()
        found = [each.id for each in held if (each.role, each.scope, each.object_id) == wanted]
        if not found:
            role, scope, object_id = wanted
            raise CommandError(f"{email} does not have the role {role} for {scope} {object_id}.")
        services.end_grant(tx, roles, services.OPERATOR, id, found[0])

    site.db.sync.write(end)


def _id_of(site: Site, email: str) -> str:
    from changemaker_core.features.accounts.users.services import user_id_of

    with explained():
        return site.db.sync.read(user_id_of, email)


def _manage(site: Site, email: str, rule: str, *more: Any) -> None:
    """Apply a rule of ``management`` to a user, as the operator."""
    from changemaker_core.features.accounts.roles.roles import roles_of
    from changemaker_core.features.accounts.roles.services import OPERATOR
    from changemaker_core.features.accounts.users import management

    id, apply = _id_of(site, email), getattr(management, rule)
    with explained():
        site.db.sync.write(lambda tx: apply(tx, roles_of(site), OPERATOR, id, *more))
