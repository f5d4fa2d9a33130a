"""One-time passwords as a first factor: a code of eight digits, by e-mail or SMS (EMAIL_OTP, SMS_OTP).

"your user pool marks the user's unverified email address or phone number attribute as verified. The user
status also changed from UNCONFIRMED to CONFIRMED" -- developer guide, "Authentication flows". Wrong codes
lock nobody out ("6 in a row": measured).
"""

from __future__ import annotations

from attrs import evolve, frozen

from authfsm.base.secret import Secret
from authfsm.local.config import acr_levels, error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import devices
from authfsm.local.signin.second_factor import sent_code
from authfsm.local.signin.steps import ChallengeAnswer, onward
from authfsm.local.state.codes import Message, delivery, masked, new_code, same
from authfsm.local.state.core import Core, Reply, wanted
from authfsm.local.state.sessions import Attempt
from authfsm.local.state.users import Status
from authfsm.protocol.states import State


@frozen
class FirstCode:
    """A code that is a first factor.

    Args:
        code: the code; of a user who is not there, one that nobody was sent.
        address: where it went.
    """

    code: Secret[str]
    address: str


def send(pool: Core, attempt: Attempt, factor: State) -> tuple[dict[str, str], FirstCode]:
    """Send the code of EMAIL_OTP or SMS_OTP.

    Returns:
        ChallengeParameters, which have no user name here (AWS API reference, an example), and what the
        answer is checked against.
    """
    code = new_code(pool.entropy, pool.configuration.contradictions.first_factor_digits)
    if attempt.user is not None:
        medium, address = delivery(attempt.user, factor)
        pool.outbox.put(Message(attempt.name, address, medium, factor, code, pool.clock()))
    else:
        medium, address = _pretended(pool, attempt.typed, factor)
    parameters = {
        "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
        "CODE_DELIVERY_DESTINATION": masked(medium, address),
    }
    return parameters, FirstCode(code, address)


def _pretended(pool: Core, typed: str, factor: State) -> tuple[str, str]:
    """An address for a user who is not there, the same at every asking: what was typed, where it is one."""
    mark = pool.mark(factor, typed)
    if factor is State.SMS_OTP:
        made = f"+1555555{int.from_bytes(mark, 'big') % 10**4:04d}"
        return "SMS", typed if typed.startswith("+") else made
    made = f"{chr(97 + mark[0] % 26)}@{chr(97 + mark[1] % 26)}"
    return "EMAIL", typed if "@" in typed else made


def email_otp(pool: Core, answer: ChallengeAnswer) -> Reply:
    """EMAIL_OTP: one name with two roles; what was sent tells which."""
    return (first_code if isinstance(answer.leg.matter, FirstCode) else sent_code)(pool, answer)


def first_code(pool: Core, answer: ChallengeAnswer) -> Reply:
    """EMAIL_OTP and SMS_OTP as first factor: the code."""
    sent: FirstCode = answer.leg.matter
    factor, user = State[answer.leg.challenge], answer.attempt.user
    code = wanted(answer.responses, f"{factor}_CODE")
    if not same(sent.code, code) or user is None:
        raise PoolRefusal(error_templates.CODE_MISMATCH)
    # After the code: who has none is told nothing of devices. The same code can be given again.
    attempt = devices.presented(pool, answer.attempt, answer.responses.get("DEVICE_KEY"))
    address = "email" if factor is State.EMAIL_OTP else "phone_number"
    if user.attributes.get(address) == sent.address:
        user.attributes[f"{address}_verified"] = "true"
        pool.users.index(user)
    imported = user.status is Status.RESET_REQUIRED and user.credential is None
    if user.status is Status.UNCONFIRMED or imported:
        # Imported users "aren't required to set a password before sign-in" (developer guide).
        user.status, user.modified = Status.CONFIRMED, pool.clock()
    return onward(pool, proved(attempt, factor), answer.metadata)


def proved(attempt: Attempt, factor: State) -> Attempt:
    """The attempt, with a code as its first factor."""
    return evolve(attempt, methods=(*attempt.methods, acr_levels.METHODS[factor]))
