"""The rules of settings: what pool and app client are told, and whether it is so."""

from __future__ import annotations

import base64
from typing import Final

from authfsm.conformance.pools import PASSWORD, WITHOUT_CHOICE, ClientRequirements
from authfsm.conformance.rule import Entry, RuleGroup, guide, reference
from authfsm.conformance.trial import PoolClient, Trial, begun_srp
from authfsm.conformance.verdicts import RuleSeverity
from authfsm.protocol import links

rule: Final = Entry(RuleGroup.SETTINGS)
SETTINGS: Final = rule.rules

_CLIENT: Final = reference("CreateUserPoolClient")
_HASH_PAGE: Final = guide(
    links.guide("signing-up-users-in-your-app"),
    '"Signing up and confirming user accounts", secret hash',
)
_WRONG_HASH: Final = base64.b64encode(bytes(32)).decode()
_WITH_SECRET: Final = ClientRequirements(flows=WITHOUT_CHOICE, secret=True)


def _without(flow: str) -> ClientRequirements:
    return ClientRequirements(flows=tuple(each for each in WITHOUT_CHOICE if each != flow))


@rule(
    "flows.USER_PASSWORD_AUTH",
    "USER_PASSWORD_AUTH is refused by an app client whose ExplicitAuthFlows do not have it.",
    _CLIENT,
    RuleSeverity.CRITICAL,
)
def _password(trial: Trial) -> None:
    desk = trial.desk(client=_without("ALLOW_USER_PASSWORD_AUTH"))
    person = trial.person(desk)
    trial.desk().signed_in(person)
    desk.password(person).refused("a flow that is not enabled")


@rule(
    "flows.USER_SRP_AUTH",
    "USER_SRP_AUTH is refused by an app client whose ExplicitAuthFlows do not have it.",
    _CLIENT,
    RuleSeverity.CRITICAL,
)
def _srp(trial: Trial) -> None:
    offered = trial.desk()
    begun_srp(offered, trial.person(offered).username)
    desk = trial.desk(client=_without("ALLOW_USER_SRP_AUTH"))
    heard = desk.initiate("USER_SRP_AUTH", USERNAME=trial.username("ada"), SRP_A="2")
    heard.refused("a flow that is not enabled")


@rule(
    "flows.ADMIN_USER_PASSWORD_AUTH",
    "ADMIN_USER_PASSWORD_AUTH is refused by an app client whose ExplicitAuthFlows do not have it.",
    _CLIENT,
    RuleSeverity.CRITICAL,
)
def _admin(trial: Trial) -> None:
    desk = trial.desk(client=_without("ALLOW_ADMIN_USER_PASSWORD_AUTH"))
    given = {"USERNAME": trial.person(desk).username, "PASSWORD": PASSWORD}
    _by_administrator(trial.desk(), given)
    heard = desk.initiate("ADMIN_USER_PASSWORD_AUTH", admin=True, **given)
    heard.refused("a flow that is not enabled")


def _by_administrator(desk: PoolClient, given: dict[str, str]) -> None:
    """The flow itself works, or a refusal of it says nothing."""
    desk.initiate("ADMIN_USER_PASSWORD_AUTH", admin=True, **given).authenticates()


@rule(
    "flows.administrators-only",
    "ADMIN_USER_PASSWORD_AUTH is refused by InitiateAuth.",
    reference("InitiateAuth"),
    RuleSeverity.CRITICAL,
)
def _public(trial: Trial) -> None:
    desk = trial.desk()
    given = {"USERNAME": trial.person(desk).username, "PASSWORD": PASSWORD}
    _by_administrator(desk, given)
    heard = desk.initiate("ADMIN_USER_PASSWORD_AUTH", admin=False, **given)
    if heard.code is None:
        heard.refused("an administrator's flow")


@rule(
    "secret-hash.missing",
    "An app client with a secret refuses USER_PASSWORD_AUTH without SECRET_HASH.",
    _HASH_PAGE,
    RuleSeverity.CRITICAL,
)
def _missing(trial: Trial) -> None:
    desk = trial.desk(client=_WITH_SECRET)
    person = trial.person(desk)
    desk.signed_in(person)
    heard = desk.initiate(
        "USER_PASSWORD_AUTH", USERNAME=person.username, PASSWORD=PASSWORD, SECRET_HASH=""
    )
    heard.refused("a request without SECRET_HASH")


@rule(
    "secret-hash.wrong",
    "An app client with a secret refuses USER_PASSWORD_AUTH with a wrong SECRET_HASH.",
    _HASH_PAGE,
    RuleSeverity.CRITICAL,
)
def _wrong(trial: Trial) -> None:
    desk = trial.desk(client=_WITH_SECRET)
    person = trial.person(desk)
    desk.signed_in(person)
    heard = desk.initiate(
        "USER_PASSWORD_AUTH", USERNAME=person.username, PASSWORD=PASSWORD, SECRET_HASH=_WRONG_HASH
    )
    heard.refused("a wrong SECRET_HASH")


@rule(
    "secret-hash.srp",
    "An app client with a secret refuses USER_SRP_AUTH without SECRET_HASH.",
    _HASH_PAGE,
)
def _srp_missing(trial: Trial) -> None:
    desk = trial.desk(client=_WITH_SECRET)
    person = trial.person(desk)
    begun_srp(desk, person.username)
    heard = desk.initiate("USER_SRP_AUTH", USERNAME=person.username, SRP_A="2", SECRET_HASH="")
    heard.refused("a request without SECRET_HASH")


@rule(
    "secret-hash.right",
    "An app client with a secret takes USER_PASSWORD_AUTH with the right SECRET_HASH.",
    _HASH_PAGE,
)
def _right(trial: Trial) -> None:
    desk = trial.desk(client=_WITH_SECRET)
    desk.password(trial.person(desk)).authenticates()
