"""Trying the mail server, and what the DNS says of the sender."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.settings.pages import group_of, group_page
from changemaker_admin.settings.schemas import GroupForm
from changemaker_admin.settings.values import (
    changes,
    name_of,
    sent_pairs,
    typed_form,
    typed_secrets,
)
from changemaker_core import (
    Conflict,
    Form,
    Invalid,
    LimitReached,
    TemplateResponse,
    Text,
    TooManyRequests,
    endpoint,
)
from changemaker_core.features.settings import api

if TYPE_CHECKING:
    from changemaker_core import Request, Response

_GROUP = "mail"


class MailTrialPage:
    """``/admin/settings/mail/test``"""

    @endpoint(permission=api.WRITE, form=GroupForm, rate_limit="20/minute")
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[GroupForm]
    ) -> TemplateResponse:
        """Try the mail server with what was typed, and send a message to whoever tries it."""
        group, pairs = group_of(req, _GROUP), await sent_pairs(req)
        typed = typed_form(group, pairs)
        again = tuple(typed_secrets(group, pairs))
        try:
            trial = await api.try_mail(req, changes(group, pairs))
        except api.SettingsInvalid as error:
            for name, problem in error.problems.items():
                typed.reject(name_of(name), problem)
        except (Conflict, TooManyRequests) as error:
            typed.reject("", error.detail or error.title)
        except LimitReached:
            typed.reject("", Text("You have tried the mail server many times. Wait a while."))
        except Invalid as error:
            typed.reject("", error.errors[0].message)
        else:
            return await group_page(req, group, typed, trial=trial, again=again)
        return await group_page(req, group, typed, again=again)


class RecordsPage:
    """``/admin/settings/mail/records``"""

    @endpoint(permission=api.READ, rate_limit="10/minute")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """What the DNS says of the sender's domain, and the records to add."""
        findings = await api.sender_findings(req.site)
        values = {each.name: each.value for each in group_of(req, _GROUP).fields}
        context = {"findings": findings, "sender": values["from_address"]}
        return TemplateResponse("admin/settings/records.html", context)
