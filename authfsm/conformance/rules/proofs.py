"""The rules of proofs: what proves a password, and what does not."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from typing import Final

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiReply
from authfsm.conformance.pools import ANOTHER, PASSWORD, WRONG, UserRequirements
from authfsm.conformance.rule import (
    Entry,
    RuleGroup,
    RuleSource,
    guide,
    reference,
    standard,
)
from authfsm.conformance.sign_in_runner import SignInRunner
from authfsm.conformance.trial import PoolClient, PoolUser, Trial, begun_srp
from authfsm.conformance.verdicts import RuleFailed, RuleSeverity
from authfsm.drivers.boto import Flow
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.states import State

rule: Final = Entry(RuleGroup.PROOFS)
PROOFS: Final = rule.rules

_RESPOND: Final = reference("RespondToAuthChallenge")
_MEASURED: Final = RuleSource(
    "ministackorg/ministack #1758, measured on a real pool",
    "https://github.com/ministackorg/ministack/pull/1758",
    Confidence.MEASURED,
)
_RFC: Final = standard("RFC 5054, 2.5.4", "rfc5054#section-2.5.4")
_TEMPORARY: Final = UserRequirements(temporary=True)


def claimed(
    desk: PoolClient, mine: srp.Ephemeral, asked: ApiReply, password: str, timestamp: str = ""
) -> dict[str, str]:
    """What answers PASSWORD_VERIFIER: the proof of a password.

    Args:
        desk: where.
        mine: the key pair whose SRP_A was sent.
        asked: the challenge.
        password: the password.
        timestamp: TIMESTAMP, if not the present one.

    Raises:
        Fails: the challenge cannot be read.
    """
    given = asked.parameters
    timestamp = timestamp or srp.timestamp(datetime.now(timezone.utc))
    try:
        # Leniently: a block that is no base64 is the walk's finding, not the proof's.
        block = base64.b64decode(given["SECRET_BLOCK"] + "==")
        name = given["USER_ID_FOR_SRP"]
        realm = srp.pool_name(desk.pool.pool_id)
        salt = srp.from_hex(given["SALT"], "SALT")
        x = srp.private_key(realm, name, password, salt)
        key = srp.client_key(mine, srp.from_hex(given["SRP_B"], "SRP_B"), x)
    except (KeyError, TypeError, ValueError) as error:
        raise RuleFailed(f"PASSWORD_VERIFIER cannot be read: {type(error).__name__}") from None
    return {
        "PASSWORD_CLAIM_SIGNATURE": srp.sign(key, realm, name, block, timestamp),
        "PASSWORD_CLAIM_SECRET_BLOCK": given["SECRET_BLOCK"],
        "TIMESTAMP": timestamp,
    }


@rule(
    "srp.verifies-proof",
    "PASSWORD_VERIFIER answered with a signature that is no proof is refused.",
    _RESPOND,
    RuleSeverity.CRITICAL,
)
def _verifies(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    mine, asked = begun_srp(desk, person.username)
    claim = claimed(desk, mine, asked, PASSWORD)
    claim["PASSWORD_CLAIM_SIGNATURE"] = base64.b64encode(bytes(32)).decode()
    heard = desk.respond("PASSWORD_VERIFIER", asked.session, USERNAME=person.username, **claim)
    heard.refused("a signature of 32 zero bytes")


@rule(
    "srp.wrong-password",
    "A proof made with a wrong password is refused.",
    _MEASURED,
    RuleSeverity.CRITICAL,
)
def _wrong(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    mine, asked = begun_srp(desk, person.username)
    claim = claimed(desk, mine, asked, WRONG)
    heard = desk.respond("PASSWORD_VERIFIER", asked.session, USERNAME=person.username, **claim)
    heard.refused("a proof of another password")


@rule(
    "srp.binds-user",
    "PASSWORD_VERIFIER that was asked of one user is refused when it is answered in the name of another.",
    standard("RFC 5054, 2.6: a proof is made with the user's own verifier", "rfc5054#section-2.6"),
    RuleSeverity.CRITICAL,
)
def _binds(trial: Trial) -> None:
    desk = trial.desk()
    ada, eve = trial.person(desk), trial.person(desk, who="eve")
    mine, asked = begun_srp(desk, ada.username)
    claim = claimed(desk, mine, asked, PASSWORD)
    heard = desk.respond("PASSWORD_VERIFIER", asked.session, USERNAME=eve.username, **claim)
    heard.refused("ada's proof in eve's name")


@rule(
    "srp.challenge-once",
    "A PASSWORD_VERIFIER that was answered with a wrong proof is spent: the right proof comes too late.",
    _MEASURED,
)
def _once(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    mine, asked = begun_srp(desk, person.username)
    for password in (WRONG, PASSWORD):
        claim = claimed(desk, mine, asked, password)
        heard = desk.respond("PASSWORD_VERIFIER", asked.session, USERNAME=person.username, **claim)
        heard.refused("a proof of another password" if password == WRONG else "a second proof")


def _dangerous(trial: Trial, number: int, what: str) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    begun_srp(desk, person.username)  # is there such a flow?
    heard = desk.initiate("USER_SRP_AUTH", USERNAME=person.username, SRP_A=srp.to_hex(number))
    heard.refused(f"SRP_A = {what}")


@rule("srp.refuses-A-zero", "SRP_A that is 0 is refused.", _RFC, RuleSeverity.CRITICAL)
def _zero(trial: Trial) -> None:
    _dangerous(trial, 0, "0")


@rule("srp.refuses-A-N", "SRP_A that is 0 modulo N is refused.", _RFC, RuleSeverity.CRITICAL)
def _modulus(trial: Trial) -> None:
    _dangerous(trial, srp.N, "N")


@rule(
    "srp.fresh-challenge",
    "SRP_B and SECRET_BLOCK are new in each PASSWORD_VERIFIER, and SALT stays.",
    standard("RFC 5054, 2.5.3 and 2.4", "rfc5054#section-2.5.3"),
)
def _fresh(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    first, second = (begun_srp(desk, person.username)[1].parameters for _ in range(2))
    for name in ("SRP_B", "SECRET_BLOCK"):
        if first.get(name) == second.get(name):
            raise RuleFailed(f"{name} came twice")
    # x is made of it: a verifier that is kept has one salt.
    if first.get("SALT") != second.get("SALT"):
        raise RuleFailed("SALT was another one at the second sign-in")


@rule(
    "srp.timestamp",
    "A TIMESTAMP of another form is refused with InvalidParameterException.",
    _MEASURED,
    RuleSeverity.MINOR,
)
def _timestamp(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    mine, asked = begun_srp(desk, person.username)
    claim = claimed(desk, mine, asked, PASSWORD, "2026-01-01T00:00:00Z")
    heard = desk.respond("PASSWORD_VERIFIER", asked.session, USERNAME=person.username, **claim)
    heard.refused("a TIMESTAMP in ISO 8601", "InvalidParameterException")


@rule(
    "srp.by-administrator",
    "USER_SRP_AUTH signs in by AdminInitiateAuth and AdminRespondToAuthChallenge.",
    _MEASURED,
)
def _admin(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    SignInRunner(desk, person).walk(_by_administrator, State.AUTHENTICATED)


def _by_administrator(desk: PoolClient, person: PoolUser) -> Flow:
    return desk.cognito(admin=True).sign_in(person.username, person.password)


@rule(
    "password.wrong",
    "USER_PASSWORD_AUTH with a wrong password is refused.",
    _MEASURED,
    RuleSeverity.CRITICAL,
)
def _wrong_password(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    heard = desk.initiate("USER_PASSWORD_AUTH", USERNAME=person.username, PASSWORD=WRONG)
    heard.refused("a wrong password")


@rule(
    "password.wrong-by-administrator",
    "ADMIN_USER_PASSWORD_AUTH with a wrong password is refused.",
    reference("AdminInitiateAuth"),
    RuleSeverity.CRITICAL,
)
def _wrong_by_admin(trial: Trial) -> None:
    desk = trial.desk()
    given = {"USERNAME": trial.person(desk).username, "PASSWORD": PASSWORD}
    desk.initiate("ADMIN_USER_PASSWORD_AUTH", admin=True, **given).authenticates()
    heard = desk.initiate("ADMIN_USER_PASSWORD_AUTH", admin=True, **{**given, "PASSWORD": WRONG})
    heard.refused("a wrong password")


@rule(
    "password.wrong-temporary",
    "A wrong temporary password is refused: it does not lead to NEW_PASSWORD_REQUIRED.",
    guide(links.guide("how-to-create-user-accounts"), '"Creating user accounts as administrator"'),
    RuleSeverity.CRITICAL,
)
def _wrong_temporary(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    heard = desk.initiate("USER_PASSWORD_AUTH", USERNAME=person.username, PASSWORD=WRONG)
    heard.refused("a wrong temporary password")
    desk.password(person).asks("NEW_PASSWORD_REQUIRED")


@rule(
    "password.policy",
    "NEW_PASSWORD_REQUIRED answered with a password that the policy forbids is refused with InvalidPasswordException.",
    _RESPOND,
)
def _policy(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    asked = desk.password(person).asks("NEW_PASSWORD_REQUIRED")
    given = {"USERNAME": person.username, "NEW_PASSWORD": "weak"}
    heard = desk.respond("NEW_PASSWORD_REQUIRED", asked.session, **given)
    heard.refused('the new password "weak"', "InvalidPasswordException")


@rule(
    "password.replaced",
    "After NEW_PASSWORD_REQUIRED the new password signs in, and the temporary one no more.",
    guide(links.guide("how-to-create-user-accounts"), '"Creating user accounts as administrator"'),
    RuleSeverity.CRITICAL,
)
def _replaced(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    asked = desk.password(person).asks("NEW_PASSWORD_REQUIRED")
    desk.respond(
        "NEW_PASSWORD_REQUIRED", asked.session, USERNAME=person.username, NEW_PASSWORD=ANOTHER
    ).granted()
    desk.password(person).refused("the temporary password, once replaced")
    person.password = Secret(ANOTHER)
    desk.password(person).authenticates()


@rule(
    "password.lock-out",
    "After five failed tries the right password is refused too, for a second at first.",
    RuleSource(
        'developer guide, "Lockout behavior for failed sign-in attempts"',
        f"{links.AUTHENTICATION}#authentication-flow-lockout-behavior",
    ),
)
def _lock_out(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    for _ in range(6):
        desk.initiate("USER_PASSWORD_AUTH", USERNAME=person.username, PASSWORD=WRONG).refused(
            "a wrong password"
        )
    desk.password(person).refused("the right password, right after six wrong ones")
