"""The public interface as programs use it; type checkers read this file, and it is never run.

Every line says something that must hold of the types. `exhaustive` is complete: take a case away and both
checkers say which challenge is left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import boto3
from typing_extensions import assert_never, assert_type

import authfsm
from authfsm import (
    AnyChallenge,
    AuthfsmError,
    Code,
    Cognito,
    Device,
    Flow,
    NewPassword,
    Observation,
    RecoveryAction,
    Request,
    Secret,
    SignIn,
    State,
    Step,
    Tokens,
    new_key,
)
from authfsm.core.history import History


def exhaustive(challenge: AnyChallenge) -> str:  # noqa: C901, PLR0911 - a case for each challenge
    """Return a text for each challenge."""
    match challenge:
        case authfsm.SelectChallenge(available=available):
            return ", ".join(available)
        case authfsm.PasswordChallenge() | authfsm.AdminPasswordChallenge():
            return "password"
        case authfsm.PasswordSrpChallenge() | authfsm.PasswordVerifier():
            return "a proof of the password"
        case authfsm.DeviceSrpAuth() | authfsm.DevicePasswordVerifier():
            return "a proof of the device"
        case authfsm.SmsMfa() | authfsm.SmsOtp() | authfsm.EmailOtp():
            return f"the code sent to {challenge.destination or 'you'}"
        case authfsm.SoftwareTokenMfa(friendly_device_name=name):
            return f"the code of {name or 'your app'}"
        case authfsm.WebAuthn(request_options=options):
            return str(options["challenge"])
        case authfsm.NewPasswordRequired(required_attributes=required):
            return f"a new password, and {required}"
        case authfsm.MfaSetup(choices=choices) | authfsm.SelectMfaType(choices=choices):
            return ", ".join(choices)
        case authfsm.CustomChallenge(parameters=parameters):
            return parameters["question"]
        case authfsm.OtherChallenge(name=name):
            return name
        case _:
            assert_never(challenge)


def local_pool() -> Tokens | None:
    """Sign in from beginning to end."""
    cognito = Cognito(
        boto3.client("cognito-idp"), client_id="client", pool_id="eu-west-1_AbCdEfGhI", observers=[use_observer]
    )
    flow = cognito.sign_in("ada", "password")
    assert_type(flow, Flow)
    assert_type(flow.state, State)
    assert_type(flow.challenge, AnyChallenge | None)
    assert_type(flow.history, History)
    assert_type(flow.history[0], Step)
    while not flow.done:
        try:
            match flow.challenge:
                case authfsm.SmsMfa(destination=destination):
                    assert_type(destination, str | None)
                    assert_type(flow.answer(Code("123456")), State)
                case authfsm.NewPasswordRequired():
                    flow.answer(NewPassword("newer", attributes={"name": "Ada"}))
                case _:
                    return None
        except AuthfsmError as error:
            assert_type(error.action, RecoveryAction | None)
            assert_type(error.retry_after, float | None)
            assert_type(error.survives, bool)
    key = new_key()
    assert_type(flow.seal([key, "another"]), str)
    assert_type(cognito.resume("sealed", key), Flow)
    assert_type(flow.confirm_device(), Device)
    tokens = flow.tokens
    if tokens is not None:
        assert_type(tokens.access_token, Secret[str])
        assert_type(tokens.access_token.reveal(), str)
        assert_type(tokens.expires_at, datetime | None)
    return tokens


def use_observer(observation: Observation) -> None:
    """Use an observer."""
    assert_type(observation.step, Step)
    assert_type(observation.seconds, float)


def sans_io(reply: dict[str, object]) -> State:
    """Use the core with custom I/O."""
    signin = SignIn("client", pool_id="eu-west-1_AbCdEfGhI")
    assert_type(signin.send(authfsm.UserPasswordAuth("ada", "password")), Request)
    return signin.receive(reply)


class Page(authfsm.ModelTriggers):
    """A custom model, whose triggers have signatures."""


class AsyncPage(authfsm.AsyncModelTriggers):
    """A custom async model."""


async def embedded_machine(flow: Flow) -> None:
    """Call triggers with fields, with a response, or with the next state."""
    page = Page()
    machine = authfsm.build(page, driver=flow.carry, states=["TERMS"])
    authfsm.set_driver(machine, flow.carry)
    assert_type(page.user_srp_auth("ada", "password"), bool)
    assert_type(page.srp_claim(), bool)
    assert_type(page.new_password("newer", {"name": "Ada"}), bool)
    assert_type(page.code("123456"), bool)
    page.code(State.AUTHENTICATED)
    assert_type(page.may_code(), bool)
    assert_type(await AsyncPage().code("123456"), bool)
    assert_type(await AsyncPage().may_code(), bool)


def forms(flow: Flow) -> None:
    """Use a challenge as a form, and an error's sentence."""
    form = flow.form()
    assert_type(form, dict[str, Any] | None)
    try:
        flow.answer(authfsm.response("code", code="123456"))
    except AuthfsmError as error:
        assert_type(error.for_person({"": ""}), str)
        assert_type(error.http_status, int)
