"""The rules of who exists: what a stranger may learn, by PreventUserExistenceErrors."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.pools import WITHOUT_CHOICE, WRONG, ClientRequirements
from authfsm.conformance.rule import Entry, RuleGroup, guide
from authfsm.conformance.trial import PoolClient, Trial, begun_srp
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity
from authfsm.protocol import links

rule: Final = Entry(RuleGroup.EXISTENCE)
EXISTENCE: Final = rule.rules

_PAGE: Final = guide(links.USER_EXISTENCE_ERRORS, '"Managing user existence error responses"')
_LEGACY: Final = ClientRequirements(flows=WITHOUT_CHOICE, existence="LEGACY")


def _answered(desk: PoolClient, username: str) -> tuple[str | None, str]:
    heard = desk.initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=WRONG)
    heard.refused("a wrong password")
    return heard.code, heard.message


@rule(
    "existence.password",
    "With ENABLED, USER_PASSWORD_AUTH of somebody who does not exist is answered as a wrong password is.",
    _PAGE,
)
def _password(trial: Trial) -> None:
    desk = trial.desk()
    somebody = trial.person(desk)
    desk.signed_in(somebody)
    if _answered(desk, somebody.username) != _answered(desk, trial.username("nobody")):
        raise RuleFailed(
            "a wrong password and somebody who does not exist are answered differently"
        )


@rule(
    "existence.srp",
    "With ENABLED, USER_SRP_AUTH of somebody who does not exist does not say so: a PASSWORD_VERIFIER whose SALT stays comes, or the general refusal.",
    _PAGE,
)
def _srp(trial: Trial) -> None:
    desk = trial.desk()
    begun_srp(desk, trial.person(desk).username)
    # The page's summary has the refusal, its body the challenge: both are right.
    salts: set[str] = set()
    for _ in range(2):
        heard = desk.initiate("USER_SRP_AUTH", USERNAME=trial.username("nobody"), SRP_A="2")
        if heard.code not in {None, "NotAuthorizedException"} or not heard.body:
            raise RuleFailed(f"somebody who does not exist was answered with {heard.words}")
        if heard.code is None and not heard.parameters.get("SALT"):
            raise RuleFailed(f"somebody who does not exist was answered with {heard.words}")
        salts.add(str(heard.parameters.get("SALT")))
    if len(salts) != 1:
        raise RuleFailed("SALT was another one at the second sign-in, which somebody's is not")


@rule(
    "existence.forgot-password",
    "With ENABLED, ForgotPassword of somebody who does not exist is answered as if a code were sent.",
    _PAGE,
)
def _forgot(trial: Trial) -> None:
    desk = trial.desk()
    sent = desk.ask("ForgotPassword", Username=trial.person(desk).username).granted()
    if not sent.body.get("CodeDeliveryDetails"):
        raise RuleFailed(f"ForgotPassword was answered with {sent.words}")
    heard = desk.ask("ForgotPassword", Username=trial.username("nobody"))
    if not heard.body.get("CodeDeliveryDetails"):
        raise RuleFailed(f"somebody who does not exist was answered with {heard.words}")


@rule(
    "existence.legacy",
    "With LEGACY, somebody who does not exist is UserNotFoundException.",
    _PAGE,
    RuleSeverity.MAJOR,
)
def _legacy(trial: Trial) -> None:
    desk = trial.desk(client=_LEGACY)
    desk.signed_in(trial.person(desk))
    heard = desk.initiate("USER_PASSWORD_AUTH", USERNAME=trial.username("nobody"), PASSWORD=WRONG)
    if heard.lacking:
        raise NotSupported(heard.words)
    heard.refused("somebody who does not exist", "UserNotFoundException")
