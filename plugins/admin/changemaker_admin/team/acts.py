"""What is done to an account with one button, each behind a page that says what will happen."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003  # the dataclass has it
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from changemaker_admin.team.managing import (
    TEAM_PATH,
    NoFields,
    find_person,
    manage,
    name_of,
    path_of,
    refusal_of,
)
from changemaker_core import (
    Form,
    LimitReached,
    NotFound,
    Problem,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that is done to an account: what it is called, and the rule that does it.

    ``title`` and ``done`` have the place ``{name}``. ``ends``: there is no account afterwards.
    """

    name: str
    rule: Callable[..., Any]
    title: Text
    text: Text
    button: Text
    done: Text
    dangerous: bool = True
    ends: bool = False


#: Those that cannot be taken back, or take a protection away, ask for the password.
CONFIRMED: Final = (
    Act(
        name="reset-two-factor",
        rule=accounts.management.reset_two_factor,
        title=Text("Turn off two-factor sign-in for {name}?"),
        text=Text(
            "Do this only for someone who has lost their phone and their recovery codes, and only "
            "when you have made sure that it is them who ask: call them, do not reply to a mail. "
            "Their password alone is enough then, until they set it up again. They are signed out "
            "everywhere, and are notified by mail."
        ),
        button=Text("Turn off two-factor sign-in"),
        done=Text("Two-factor sign-in is off for {name}."),
    ),
    Act(
        name="delete",
        rule=accounts.management.delete,
        title=Text("Delete the account of {name}?"),
        text=Text(
            "They are signed out, and their roles and API keys end. What they made stays. This "
            "cannot be undone. To keep the account and only close it, suspend it instead."
        ),
        button=Text("Delete account"),
        done=Text("The account of {name} is deleted."),
        ends=True,
    ),
)
PLAIN: Final = (
    Act(
        name="suspend",
        rule=accounts.management.suspend,
        title=Text("Suspend {name}?"),
        text=Text(
            "They are signed out everywhere, and cannot sign in until someone reactivates the "
            "account. Their API keys are refused meanwhile. Nothing is deleted."
        ),
        button=Text("Suspend account"),
        done=Text("{name} is suspended."),
    ),
    Act(
        name="reactivate",
        rule=accounts.management.reactivate,
        title=Text("Let {name} sign in again?"),
        text=Text("They can sign in at once, with the roles that they had."),
        button=Text("Reactivate account"),
        done=Text("{name} can sign in again."),
        dangerous=False,
    ),
    Act(
        name="unlock",
        rule=accounts.management.unlock,
        title=Text("End the wait of {name}?"),
        text=Text(
            "After several wrong passwords a person has to wait before they can try again. This "
            "ends the wait. If it was not them who tried, leave it as it is."
        ),
        button=Text("End the wait"),
        done=Text("{name} can try to sign in again at once."),
        dangerous=False,
    ),
    Act(
        name="sign-out",
        rule=accounts.management.end_sessions,
        title=Text("Sign {name} out everywhere?"),
        text=Text("All of their devices and apps are signed out. They can sign in again."),
        button=Text("Sign out everywhere"),
        done=Text("{name} is signed out everywhere."),
    ),
    Act(
        name="resend",
        rule=accounts.management.invite,
        title=Text("Send the invitation to {name} again?"),
        text=Text("They get another mail. The link in the former one ends."),
        button=Text("Send invitation again"),
        done=Text("The invitation is on its way to {name} again."),
        dangerous=False,
    ),
    Act(
        name="withdraw",
        rule=accounts.management.withdraw,
        title=Text("Withdraw the invitation of {name}?"),
        text=Text("The link in the mail ends, and the account that waits for them is deleted."),
        button=Text("Withdraw invitation"),
        done=Text("The invitation of {name} is withdrawn."),
        ends=True,
    ),
)


class ActPage:
    """``/admin/team/{id}/suspend`` and the like"""

    def __init__(self, act: Act) -> None:
        self._act = act

    @endpoint(permission=accounts.WRITE_USERS)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Say what will happen."""
        return await self._page(req, id, await refusal_of(req, id), 200)

    @endpoint(permission=accounts.WRITE_USERS, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> TemplateResponse | Redirect:
        """Do it."""
        return await self._do(req, id)

    async def _do(self, req: Request, id: str) -> TemplateResponse | Redirect:
        act, name = self._act, name_of(await find_person(req.site, id))

        def do(tx: Tx, roles: accounts.Roles, by: Any, id: str) -> None:
            act.rule(tx, roles, by, id)
            flash(tx, req, Text(act.done.message, name=name))

        try:
            await manage(req, do, id)
        except NotFound:
            raise
        except Problem as refused:
            return await self._page(req, id, refused.detail or refused.title, refused.status)
        except LimitReached:
            problem = Text("That is often enough for now. Try again later.")
            return await self._page(req, id, problem, 429)
        return Redirect(TEAM_PATH if act.ends else path_of(id))

    async def _page(
        self, req: Request, id: str, refusal: str | None, status: int
    ) -> TemplateResponse:
        person = await find_person(req.site, id)
        context = {
            "act": self._act,
            "person": person,
            "title": Text(self._act.title.message, name=name_of(person)),
            "name": name_of(person),
            "refusal": refusal,
        }
        return TemplateResponse("admin/team/act.html", context, status=status)


class ConfirmedActPage(ActPage):
    """``/admin/team/{id}/delete`` and the like"""

    @endpoint(permission=accounts.WRITE_USERS, recent_sign_in=True, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> TemplateResponse | Redirect:
        """Do it."""
        return await self._do(req, id)


class EndSessionPage:
    """``/admin/team/{id}/sessions/{session}/end``"""

    @endpoint(permission=accounts.WRITE_USERS, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, session: str, form: Form[NoFields]
    ) -> Redirect:
        """Sign a person out on one device."""

        def end(tx: Tx, roles: accounts.Roles, by: Any, id: str) -> None:
            accounts.management.end_session(tx, roles, by, id, session)
            flash(tx, req, Text("That device is signed out."))

        await manage(req, end, id)
        return Redirect(f"{path_of(id)}#sessions")
