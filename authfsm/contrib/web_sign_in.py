"""The sign-in of a browser, for any web framework: cookies hold the pending sign-in, or the tokens.

The server stores nothing, so every process that has the key can serve the site. `authfsm.contrib.fastapi` and
`authfsm.contrib.django` are built on this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Final

from attrs import frozen

import authfsm
from authfsm import AuthfsmError, Claims, Cognito, Device, Flow, Secret, State, Tokens, Verifier
from authfsm.contrib.cookies import Cookies, Keys, device_cookie, wrapped_keys

Values = Mapping[str, str | Secret[str]]
"""The fields of a form that a browser sent. Every method wraps them in `Secret` first, so that no error shows them."""

_DEVICE_PROOFS: Final = {State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER}
_YEAR: Final = 365 * 86_400.0
_INPUT_LIFETIME: Final = 3_600.0  # seconds: no session and no code for a new password is valid for longer
_TOKENS: Final = "tokens"  # the cookie with the sealed tokens
_FIRST_INPUT: Final = "first-input"  # the cookie with the user name
PASSKEYS_JS: Final = Path(__file__).parent / "django" / "static" / "authfsm" / "passkeys.js"
"""The script that creates and uses passkeys in the browser, for the forms of any page."""
_START_FLOWS: Final = {each.auth_flow for each in authfsm.PROTOCOL[State.START] if each.auth_flow}
_FLOWS: Final = sorted(each for each in _START_FLOWS if not each.startswith("REFRESH"))
_ORIGIN: Final = re.compile(r"(?!http:.*:80$|https:.*:443$)https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]+)?")
_LONGEST_NAME: Final = 128  # characters: the API's limit for USERNAME
_RESET: Final = "confirm_forgot_password"
_Action = authfsm.RecoveryAction
_ENDING_CODES: Final = {
    "NotAuthorizedException", "UserNotFoundException", "UserNotConfirmedException", "PasswordResetRequiredException",
}  # fmt: skip


@frozen(kw_only=True)
class WebSignIn:
    """The settings of a site's sign-in: its user pool, and how browsers stay signed in.

    Args:
        cognito: the user pool and its app client.
        verifier: verifies the tokens of that pool and app client.
        key: one key of `authfsm.new_key`, or several, the newest first; it seals the cookies.
        origin: the site's origin as browsers send it, `https://example.com`; other sites' requests may change nothing.
        name: the site's name in authenticator apps and in the names of devices.
        flows: the AuthFlows with which a browser may begin.
        refresh_token_validity: how long a browser keeps unrefreshed tokens; pass the client's RefreshTokenValidity.

    Raises:
        ValueError, TypeError: a setting is not valid; `BadKey` if it is the key.
    """

    cognito: Cognito
    verifier: Verifier
    key: Keys
    origin: str
    name: str = "Example"
    flows: tuple[str, ...] = ("USER_SRP_AUTH", "USER_AUTH")
    refresh_token_validity: timedelta = timedelta(days=30)

    def __attrs_post_init__(self) -> None:
        with suppress(authfsm.SealMissing):
            Device.unseal(None, self.key)  # raises BadKey if the key is wrong
        origin, flows, validity = self.origin, self.flows, self.refresh_token_validity
        if not isinstance(origin, str) or not _ORIGIN.fullmatch(origin):
            form = "as browsers send it: in lower case and punycode, without path, zone or default port"
            raise ValueError(f"origin must be like https://example.com, {form}, not {origin!r}")
        if not isinstance(flows, tuple) or not flows or not set(flows) <= set(_FLOWS):
            raise ValueError(f"flows must be a tuple of some of {', '.join(_FLOWS)}, not {flows!r}")
        if not isinstance(validity, timedelta) or validity <= timedelta(0):
            raise ValueError(f"refresh_token_validity must be a timedelta of more than 0, not {validity!r}")
        for name, kind in (("cognito", Cognito), ("verifier", Verifier), ("name", str)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} must be a {kind.__name__}, not {type(getattr(self, name)).__name__}")
        if self.cognito.client_id not in self.verifier.client_ids:
            raise ValueError(f"verifier must accept the tokens of the app client {self.cognito.client_id}")

    def browser(self, cookies: Mapping[str, str]) -> BrowserSession:
        """Return the browser that sent a request with these cookies."""
        return BrowserSession(self, Cookies(cookies, self.key, secure=self.is_secure))

    @property
    def is_secure(self) -> bool:
        """Whether the site runs over HTTPS."""
        return self.origin.startswith("https:")


_init = WebSignIn.__init__


@wraps(_init)
def _wrapping_init(self: WebSignIn, *, key: Keys, **settings: Any) -> None:
    key = wrapped_keys(key)  # no frame of an error shows the key
    _init(self, key=key, **settings)


WebSignIn.__init__ = _wrapping_init  # type: ignore[method-assign]  # the signature stays


def ends_session(error: AuthfsmError) -> bool:
    """Return whether an error of a refresh or a verification refuses the tokens or the user, so that the session ends.

    It does not end if a Lambda function, the network, a quota or a wrong configuration is the reason. It does not end
    after RefreshTokenReuseException either, because a browser that sends two requests at once refreshes twice with the
    same token, and the reply to the other request has the new tokens.
    """
    if error.action in {_Action.WAIT, _Action.WAIT_OUT, _Action.FIX_CONFIGURATION}:
        return False
    if isinstance(error, authfsm.Refused):
        return error.refusal.code in _ENDING_CODES
    return error.fault not in {authfsm.Fault.SERVICE, authfsm.Fault.OPERATOR}


class BrowserSession:
    """The sign-in of the browser that sent a request; `cookies.write` adds the changed cookies to the response."""

    def __init__(self, site: WebSignIn, cookies: Cookies) -> None:
        self.site, self.cookies = site, cookies

    def begin(self, values: Values) -> Flow:
        """Begin a sign-in, and run it until user input is required.

        Args:
            values: `username`, `password`, `flow` (an AuthFlow) and `remember` (this device), as typed. With USER_AUTH
                a password that the browser filled in is ignored: the user chooses the first factor.

        Raises:
            InvalidInput: the name or the password is missing, the name is too long, or the site does not offer the flow.
            AuthfsmError: as `Cognito.sign_in`; a sign-in that has a challenge and survives is then pending.
        """
        values = _wrapped(values)
        name, auth_flow = self._store_name(values), _text(values, "flow") or self.site.flows[0]
        password = None if auth_flow == "USER_AUTH" else values.get("password") or None
        if auth_flow not in self.site.flows:
            advice = "Choose one of the offered possibilities."
            raise authfsm.InvalidInput(authfsm.UserAuth, "flow", "must be one that is offered", advice)
        if password is None and auth_flow not in {"USER_AUTH", "CUSTOM_AUTH"}:
            raise authfsm.InvalidInput(authfsm.UserAuth, "password", "must not be empty")
        flow = self.site.cognito.start(password, device=(device := self._device(name)))
        try:
            flow.begin(auth_flow, name)
        finally:
            self._store(flow, device)
        return flow

    def forgot_password(self, values: Values) -> None:
        """Send a code with which the user can set a new password; `describe(None)` then has the form for both.

        Args:
            values: `username` and `remember` (this device), as typed.

        Raises:
            InvalidInput: the name is missing or too long.
            AuthfsmError: as `cognito.account.forgot_password`.
        """
        values = _wrapped(values)
        sent = self.site.cognito.account.forgot_password(self._store_name(values))
        first_input = {**self.first_input, "sent": [sent.medium, sent.destination]}
        self.cookies.seal(_FIRST_INPUT, first_input, _INPUT_LIFETIME)

    def pending(self) -> Flow | None:
        """Return the pending sign-in; None if the form of `forgot_password` (code and new password) is pending.

        Raises:
            SealError: nothing is pending, or the pending sign-in has expired: start again.
        """
        if "sent" in self.first_input:
            return None
        return self.site.cognito.resume(self.cookies.text("signin"), self.site.key)

    def answer(self, values: Values) -> Flow:
        """Answer the pending challenge, and run the sign-in until user input is required again.

        Args:
            values: the `response` of a prompt, the prompt's fields, and the `step` of the page that was filled in.

        Raises:
            SealError: nothing is pending: start again.
            InvalidOperation: the form was that of an earlier step.
            AuthfsmError: as `Flow.answer`; a sign-in that survives stays pending.
        """
        values = _wrapped(values)
        flow = self.pending()
        fields = {name: text for name, text in values.items() if name not in {"response", "step"}}
        name, step = _text(values, "response"), _text(values, "step")
        if (name != _RESET) if flow is None else step not in {"", step_of(flow)}:
            raise authfsm.InvalidOperation("the form was that of an earlier step", state=flow.state if flow else None)
        if flow is None:
            return self._reset_password(fields)
        device = flow.device
        try:
            automatic = flow.next_response()  # an SRP proof whose request failed before, for example
            flow.answer(automatic or authfsm.response(name, **fields))
            if isinstance(flow.challenge, authfsm.MfaSetup) and flow.challenge.verified:
                flow.answer(authfsm.CompleteMfaSetup())
        finally:
            self._store(flow, device)
        return flow

    def _reset_password(self, fields: Mapping[str, Secret[str]]) -> Flow:
        """Set the new password, and begin a sign-in by the site's first flow. USER_AUTH begins without the password."""
        username, empty = self.first_input["username"], Secret("")
        code, password = fields.get("code", empty), fields.get("password", empty)
        remember = "on" if self.first_input["remember"] else ""
        self.site.cognito.account.confirm_forgot_password(username, code, password)
        return self.begin({"username": username, "password": password, "remember": remember})

    def describe(self, flow: Flow | None) -> dict[str, Any]:
        """Return the state of a sign-in as JSON, with the form of its challenge and the values that a page needs.

        If an automatic step failed because the connection was lost, the form has no prompts, and an empty answer
        repeats the step. If `flow` is None after `forgot_password`, the form asks for the code and the new password.
        """
        challenge, name = flow and flow.challenge, self.first_input.get("username")
        reply = {"state": str(flow.state if flow else State.START), "signed_in": bool(flow and flow.tokens)}
        if flow is None and "sent" in self.first_input:
            return reply | {"username": name, "form": _reset_form(*self.first_input["sent"])}
        if flow is None or challenge is None:
            return reply
        form = flow.form() or {}
        automatic = flow.state is State.PASSWORD_VERIFIER  # the proof needs no user input
        form["prompts"] = [] if automatic else _offered(form["prompts"])
        reply |= {"step": step_of(flow), "username": name, "form": form}
        if isinstance(challenge, authfsm.MfaSetup) and not challenge.verified and challenge.secret_code:
            enrolment = authfsm.Enrolment.of(challenge, issuer=self.site.name, account=name)
            key = enrolment.secret_code.reveal()
            reply["enrolment"] = {"svg": enrolment.svg(), "secret_code": key}
        return reply

    @property
    def first_input(self) -> dict[str, Any]:
        """The `username` and `remember` of the pending sign-in; `sent` is where `forgot_password` sent a code."""
        return self.cookies.unseal(_FIRST_INPUT)

    def signed_in(self, *, refresh: bool = False) -> Flow:
        """Return a flow with the tokens of the cookies, refreshed if they are about to expire.

        Args:
            refresh: refresh the tokens even if they are not about to expire.

        Raises:
            SealError: the browser is not signed in.
            Refused: the refresh token was revoked or has expired; the browser is signed out.
            AuthfsmError: as `Flow.fresh_tokens`; the browser stays signed in.
        """
        flow = self.site.cognito.resume_tokens(self.cookies.text(_TOKENS), self.site.key)
        old_tokens = flow.tokens
        try:
            flow.refresh() if refresh else flow.fresh_tokens()
        except AuthfsmError as error:
            if ends_session(error):
                self.cookies.drop(_TOKENS)
            raise
        if flow.tokens is not old_tokens and flow.tokens is not None:
            self._store_tokens(flow.tokens)
        return flow

    def claims(self) -> Claims:
        """Return the verified claims of the browser's access token, refreshed if it is about to expire.

        Raises:
            AuthfsmError: as `signed_in` and `Verifier.verify`.
        """
        return self.site.verifier.verify(self.signed_in().signed_in().access_token)

    def sign_out(self, *, everywhere: bool = False) -> None:
        """Revoke the tokens and forget them. The device stays remembered.

        Args:
            everywhere: end the user's sessions on all devices. An access token that has expired is refreshed first.

        Raises:
            AuthfsmError: Cognito could not be reached, or refused the request; the browser is signed out anyway.
        """
        sealed = self.cookies.text(_TOKENS)
        self.cookies.drop(_TOKENS, "signin", _FIRST_INPUT)
        if sealed:
            flow = self.site.cognito.resume_tokens(sealed, self.site.key)
            if everywhere:
                flow.fresh_tokens()  # Cognito refuses GlobalSignOut with an expired access token
            flow.sign_out(everywhere=everywhere)

    def passkeys(self) -> dict[str, Any]:
        """Return the user's passkeys (`known`), and the options for creating another (`options`, for `passkeys.js`).

        Raises:
            AuthfsmError: as `signed_in` and `cognito.account`.
        """
        account, token = self.site.cognito.account, self.signed_in().signed_in().access_token
        known = account.list_web_authn_credentials(token)
        return {"known": known, "options": account.start_web_authn_registration(token)}

    def add_passkey(self, values: Values) -> Flow:
        """Register the passkey that the browser created: `credential` is its JSON. Raises what `passkeys` raises."""
        values = _wrapped(values)
        flow, credential = self.signed_in(), values.get("credential", Secret(""))
        self.site.cognito.account.complete_web_authn_registration(flow.signed_in().access_token, credential)
        return flow

    def _store_name(self, values: Mapping[str, Secret[str]]) -> str:
        """Return the user name that was typed, store it in a cookie, and drop what was pending before."""
        self.cookies.drop("signin", _FIRST_INPUT)
        name = _text(values, "username").strip()
        if not 0 < len(name) <= _LONGEST_NAME:
            why = "is too long" if name else "must not be empty"
            raise authfsm.InvalidInput(authfsm.UserAuth, "username", why)
        self.cookies.seal(_FIRST_INPUT, {"username": name, "remember": is_on(values, "remember")}, _INPUT_LIFETIME)
        return name

    def _store_tokens(self, tokens: Tokens) -> None:
        lifetime = self.site.refresh_token_validity.total_seconds()
        self.cookies.put(_TOKENS, tokens.seal(self.site.key), lifetime)

    def _store(self, flow: Flow, device: Device | None) -> None:
        """Store the sign-in, the tokens and the device in cookies after a step; `device` is the one before the step."""
        name, remember = self.first_input.get("username", ""), self.first_input.get("remember")
        if flow.tokens is not None:
            if flow.tokens.new_device is not None and remember:
                self._remember(flow, name)
            self._store_tokens(flow.tokens)
            self.cookies.drop("signin", _FIRST_INPUT)
        elif flow.done or flow.challenge is None:
            self.cookies.drop("signin")
        else:
            lifetime = self.site.cognito.session_lifetime.total_seconds()
            self.cookies.put("signin", flow.seal(self.site.key), lifetime)
        unproved = flow.state is State.FAILED and flow.history[-1].source in _DEVICE_PROOFS
        if name and device and (flow.device is None or unproved):
            self.cookies.drop(device_cookie(name))  # Cognito has forgotten it, or refused its proof

    def _remember(self, flow: Flow, name: str) -> None:
        try:
            device = flow.confirm_device(f"a browser at {self.site.name}")
        except AuthfsmError:
            return  # the sign-in has succeeded anyway; the next one asks for a code again
        self.cookies.put(device_cookie(name), device.seal(self.site.key), _YEAR)

    def _device(self, name: str) -> Device | None:
        sealed = self.cookies.text(device_cookie(name))
        try:
            return Device.unseal(sealed, self.site.key) if sealed else None
        except AuthfsmError:
            self.cookies.drop(device_cookie(name))
            return None


def _wrapped(values: Values) -> dict[str, Secret[str]]:
    return {name: each if isinstance(each, Secret) else Secret(each) for name, each in values.items()}


def _text(values: Mapping[str, Secret[str]], name: str) -> str:
    return values[name].reveal() if name in values else ""


def is_on(values: Mapping[str, Secret[str]], name: str) -> bool:
    """Return whether a field is set: a checkbox is absent if it is off, and a program may send `false`."""
    return _text(values, name).lower() not in {"", "false", "off", "no", "0"}


def step_of(flow: Flow) -> str:
    """Return an identifier of a sign-in's current step, by which an answer to an earlier form is recognised."""
    return f"{flow.sign_in_id}-{len(flow.history)}"


def _reset_form(medium: str | None, destination: str | None) -> dict[str, Any]:
    """Return a form for the code and the new password, made of the form for a code and the form for a new password."""
    form = authfsm.NewPasswordRequired(name="NEW_PASSWORD_REQUIRED").form()
    (code,) = authfsm.SmsMfa(name="SMS_MFA", medium=medium, destination=destination).form()["prompts"]
    (password,) = form["prompts"]
    fields = [*code["fields"], *password["fields"]]
    return {**form, "challenge": None, "prompts": [{**code, "response": _RESET, "fields": fields}]}


def _offered(prompts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the prompts that a page offers: no `password` beside `srp_a`, and no choice that has its own prompt."""
    names, factors = {each["response"] for each in prompts}, {each["factor"] for each in prompts}
    for field_ in (field_ for each in prompts for field_ in each["fields"]):
        field_["choices"] = [choice for choice in field_["choices"] if choice["value"] not in factors]
    return [
        each
        for each in prompts
        if (each["response"] != "password" or "srp_a" not in names)
        and all(field_["choices"] or field_["kind"] != "choice" for field_ in each["fields"])
    ]
