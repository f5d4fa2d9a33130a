"""Five sign-ins worth telling, each on a pool of its own: what is asked, and what somebody answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pyotp
from attrs import frozen

from authfsm.drivers.boto import Cognito, Flow
from authfsm.local import DeviceConfiguration, LocalPool, Triggers
from authfsm.protocol import responses as r
from authfsm.protocol.replies import MfaSetup
from authfsm.protocol.responses import Response

ADA = "ada"
PASSWORD = "Correct-Horse-Battery-Staple-1"  # noqa: S105 - of a user who lives for a second
NEW_PASSWORD = "Analytical-Engine-1843"  # noqa: S105 - the same
PHONE = "+15555550143"


class StoryStage(Protocol):
    """Where a story is played: it gives the responses and shows what comes of them."""

    def begin(self, cognito: Cognito, password: str | None, opening: str) -> Flow:
        """Begin with this AuthFlow, and walk on while no person is needed."""

    def give(self, flow: Flow, response: Response, words: str) -> None:
        """Give a response, and walk on while no person is needed."""


@frozen
class Story:
    """One sign-in of the demo.

    Args:
        name: for the picture's file.
        title: for people.
        about: what happens, in a sentence.
        play: plays it.
    """

    name: str
    title: str
    about: str
    play: Callable[[StoryStage], Flow]


def _totp_enrolment(stage: StoryStage) -> Flow:
    pool = LocalPool(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    pool.add_user(ADA, password=PASSWORD)
    flow = stage.begin(pool.cognito(), PASSWORD, "USER_SRP_AUTH")
    stage.give(flow, r.AssociateSoftwareToken(), "asks for the app's secret")
    asked = flow.challenge
    assert isinstance(asked, MfaSetup)  # noqa: S101 - for the type checker: the table says so
    assert asked.secret_code is not None  # noqa: S101 - the same
    app = pyotp.TOTP(asked.secret_code.reveal())
    code = app.at(pool.clock())
    stage.give(flow, r.VerifySoftwareToken(code, "phone"), "types the app's code")
    stage.give(flow, r.CompleteMfaSetup(), "goes on")
    return flow


def _temporary_password(stage: StoryStage) -> Flow:
    pool = LocalPool(required_attributes=["name"])
    pool.add_user(ADA, password=PASSWORD, temporary=True)
    flow = stage.begin(pool.cognito(), PASSWORD, "USER_SRP_AUTH")
    stage.give(flow, r.NewPassword("short", {"name": "Ada"}), "picks a weak password")
    stage.give(flow, r.NewPassword(NEW_PASSWORD, {"name": "Ada"}), "a good one, and her name")
    return flow


def _sms_with_a_wrong_code(stage: StoryStage) -> Flow:
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user(ADA, password=PASSWORD, phone_number=PHONE)
    flow = stage.begin(pool.cognito(), PASSWORD, "USER_SRP_AUTH")
    right = pool.outbox.code_for(ADA)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    stage.give(flow, r.Code(wrong), "mistypes the code")
    stage.give(flow, r.Code(right), "types the code of the SMS")
    return flow


def _remembered_device(stage: StoryStage) -> Flow:
    pool = LocalPool(
        mfa="ON",
        mfa_methods=["SMS_MFA"],
        device=DeviceConfiguration(challenge_required_on_new_device=True),
    )
    pool.add_user(ADA, password=PASSWORD, phone_number=PHONE)
    # The day before: an SMS code, and the device is made known.
    before = pool.cognito().sign_in(ADA, PASSWORD)
    before.answer(r.Code(pool.outbox.code_for(ADA)))
    device = before.confirm_device("laptop")
    # Today the device stands for the code.
    return stage.begin(pool.cognito(device=device), PASSWORD, "USER_SRP_AUTH")


RIDDLE = "Up, but never down: what is it?"


def _custom_challenge(stage: StoryStage) -> Flow:
    def define(event: dict[str, Any]) -> dict[str, Any]:
        answered = event["request"]["session"]
        passed = bool(answered) and answered[-1]["challengeResult"]
        event["response"] |= {
            "issueTokens": passed,
            "failAuthentication": not passed and len(answered) >= 3,  # noqa: PLR2004 - three tries
            "challengeName": "CUSTOM_CHALLENGE",
        }
        return event

    def create(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["publicChallengeParameters"] = {"riddle": RIDDLE}
        event["response"]["privateChallengeParameters"] = {"answer": "age"}
        return event

    def verify(event: dict[str, Any]) -> dict[str, Any]:
        right = event["request"]["privateChallengeParameters"]["answer"]
        event["response"]["answerCorrect"] = event["request"]["challengeAnswer"] == right
        return event

    pool = LocalPool(triggers=Triggers(define=define, create=create, verify=verify))
    pool.add_user(ADA)
    flow = stage.begin(pool.cognito(), None, "CUSTOM_AUTH")
    stage.give(flow, r.Answer("a balloon"), "guesses wrong")
    stage.give(flow, r.Answer("age"), "guesses right")
    return flow


STORIES = (
    Story(
        "1-totp-enrolment",
        "A second factor, enrolled on the way",
        "The pool requires MFA and ada has none: she proves her password by SRP and enrols an authenticator app.",
        _totp_enrolment,
    ),
    Story(
        "2-temporary-password",
        "A temporary password",
        "An administrator made ada's account: she proves the temporary password and replaces it.",
        _temporary_password,
    ),
    Story(
        "3-sms-wrong-code",
        "A code by SMS, mistyped once",
        "A wrong code costs nothing but another try: the session stays good.",
        _sms_with_a_wrong_code,
    ),
    Story(
        "4-remembered-device",
        "A remembered device",
        "The laptop proves itself by SRP, and stands for the second factor.",
        _remembered_device,
    ),
    Story(
        "5-custom-challenge",
        "A challenge of the pool's own",
        "Three Lambda functions lead the conversation: a riddle, and a second chance.",
        _custom_challenge,
    ),
)
