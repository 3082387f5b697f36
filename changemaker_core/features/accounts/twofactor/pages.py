"""The pages of two-factor sign-in: the code beside the password, and the set-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import (
    Form,
    LimitReached,
    Redirect,
    TemplateResponse,
    Text,
    TooManyRequests,
    Unauthorized,
    endpoint,
    flash,
    qr_svg,
)
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.own import session_of
from changemaker_core.features.accounts.signing_in.second_step import ChallengeOver
from changemaker_core.features.accounts.twofactor import challenge_cookie, services, setup
from changemaker_core.features.accounts.twofactor.queries import two_factor_of
from changemaker_core.features.accounts.twofactor.required import TWO_FACTOR_PATH
from changemaker_core.features.accounts.twofactor.schemas import CodeForm, NoFields, SetupForm

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site, Tx
    from changemaker_core.features.accounts.twofactor.schemas import Setup

_TOO_MANY: Final = Text("Too many attempts. Wait a moment, then try again.")


class CodePage:
    """``/sign-in/code``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse | Redirect:
        """Ask for the code; who has not given their password yet is asked for that first."""
        if not challenge_cookie.read(req):
            return Redirect(api.SIGN_IN)
        return _code_form(Form.blank())

    @endpoint(public=True, form=CodeForm, rate_limit="20/minute")
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[CodeForm]
    ) -> TemplateResponse | Redirect:
        """Complete the sign-in."""
        if form.value is None:
            return _code_form(form, 422)
        try:
            return await api.complete_sign_in(req, challenge_cookie.read(req), form.value.code)
        except ChallengeOver:
            return Redirect(f"{api.SIGN_IN}?too_late=1", headers=(challenge_cookie.forget(req),))
        except Unauthorized as error:
            form.reject("code", error.detail or error.title)
            return _code_form(form, 422)
        except LimitReached as error:
            form.reject("", _TOO_MANY)
            return _code_form(form, 429, *TooManyRequests.of(error).headers)


def _code_form(
    form: Form[CodeForm], status: int = 200, *headers: tuple[str, str]
) -> TemplateResponse:
    form.data.pop("code", None)  # it is of no use a second time
    return TemplateResponse("accounts/code.html", {"form": form}, status, headers)


class TwoFactorPage:
    """``/account/two-factor``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.read", recent_sign_in=True)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show the set-up, or what there is to change."""
        _, user = session_of(req)
        standing = await self._site.db.one(two_factor_of(user.id))
        if standing is not None:
            return TemplateResponse("accounts/two_factor.html", {"standing": standing})
        return _setup_form(req, await setup.begin(self._site, user.id), Form.blank())

    @endpoint(
        permission="accounts.me.write", recent_sign_in=True, form=SetupForm, rate_limit="20/minute"
    )
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[SetupForm]
    ) -> TemplateResponse | Redirect:
        """Turn two-factor sign-in on, and show the recovery codes this once."""
        _, user = session_of(req)
        token = str(form.data.get("setup", ""))
        if form.value is not None:
            try:
                codes = await setup.finish(req, token, form.value.code)
            except services.WrongCode as error:
                form.reject("code", error.args[0])
            except services.AlreadyOn:
                return Redirect(TWO_FACTOR_PATH)
            else:
                return _recovery_codes(codes)
        return _setup_form(req, await setup.again(self._site, user.id, token), form)


class TurnOffPage:
    """``/account/two-factor/off``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.write", recent_sign_in=True, form=NoFields)
    async def on_post(self, req: Request, resp: Response, *, form: Form[NoFields]) -> Redirect:
        """Turn two-factor sign-in off."""
        _, user = session_of(req)

        def turn_off(tx: Tx) -> None:
            services.turn_off(tx, user.id)
            flash(tx, req, Text("Two-factor sign-in is off."), kind="warning")

        await self._site.db.write(turn_off)
        return Redirect(TWO_FACTOR_PATH)


class RecoveryCodesPage:
    """``/account/two-factor/recovery-codes``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.write", recent_sign_in=True, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[NoFields]
    ) -> TemplateResponse | Redirect:
        """Make new recovery codes, and show them this once."""
        _, user = session_of(req)
        try:
            codes = await self._site.db.write(services.regenerate, user.id)
        except services.NotOn:
            return Redirect(TWO_FACTOR_PATH)
        return _recovery_codes(codes)


def _setup_form(req: Request, new: Setup, form: Form[SetupForm]) -> TemplateResponse:
    form.data.pop("code", None)
    form.data["setup"] = new.setup
    title = req.site.translations.translate(Text("QR code for your authenticator app"), req.locale)
    secret = " ".join(new.secret[n : n + 4] for n in range(0, len(new.secret), 4))
    context = {
        "form": form,
        "secret": secret,
        "uri": new.uri,
        "qr": qr_svg(new.uri, title),
        "is_required": req.held_back is not None,
    }
    return TemplateResponse("accounts/two_factor_setup.html", context)


def _recovery_codes(codes: list[str]) -> TemplateResponse:
    return TemplateResponse("accounts/recovery_codes.html", {"codes": codes})
