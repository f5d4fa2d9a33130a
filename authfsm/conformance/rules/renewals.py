"""The rules of tokens over time: how they are renewed, and how they are taken away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from authfsm.conformance.pools import ANOTHER, ClientRequirements, UserRequirements
from authfsm.conformance.rule import Entry, RuleGroup, guide, reference, standard
from authfsm.conformance.rules.sessions import ANOTHER_CLIENT
from authfsm.conformance.rules.tokens import tokens_of
from authfsm.conformance.trial import PoolClient, Trial
from authfsm.conformance.verdicts import RuleFailed, RuleSeverity
from authfsm.protocol import links

rule: Final = Entry(RuleGroup.TOKENS)
RENEWALS: Final = rule.rules

_REFRESH_PAGE: Final = guide(links.REFRESH_TOKENS, '"Refresh tokens"')
_REVOKE_PAGE: Final = guide(links.TOKEN_REVOCATION, '"Ending user sessions with token revocation"')
_RFC: Final = standard("RFC 6749, 6 and 10.4", "rfc6749#section-10.4")
_ROTATING: Final = ClientRequirements(rotation=True)


def _refresh(desk: PoolClient, token: Any, flow: str = "REFRESH_TOKEN_AUTH") -> Any:
    return desk.initiate(flow, REFRESH_TOKEN=str(token))


@rule(
    "refresh.REFRESH_TOKEN_AUTH",
    "REFRESH_TOKEN_AUTH brings a new access and ID token, and no new refresh token.",
    _REFRESH_PAGE,
)
def _refreshed(trial: Trial) -> None:
    desk = trial.desk()
    _renewed(_refresh(desk, tokens_of(trial, desk).get("RefreshToken")).granted().tokens)


@rule(
    "refresh.REFRESH_TOKEN",
    "REFRESH_TOKEN is another name of the same flow.",
    reference("InitiateAuth"),
)
def _synonym(trial: Trial) -> None:
    desk = trial.desk()
    token = tokens_of(trial, desk).get("RefreshToken")
    _renewed(_refresh(desk, token, "REFRESH_TOKEN").granted().tokens)


def _renewed(tokens: Mapping[str, Any]) -> None:
    if not tokens.get("AccessToken") or not tokens.get("IdToken"):
        raise RuleFailed("AccessToken or IdToken is missing")
    if tokens.get("RefreshToken"):
        raise RuleFailed("a RefreshToken came, without rotation")


@rule(
    "refresh.after-a-challenge",
    "The refresh token that an answered challenge brought renews tokens as well.",
    _REFRESH_PAGE,
)
def _after(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, UserRequirements(temporary=True))
    asked = desk.password(person).asks("NEW_PASSWORD_REQUIRED")
    given = {"USERNAME": person.username, "NEW_PASSWORD": ANOTHER}
    heard = desk.respond("NEW_PASSWORD_REQUIRED", asked.session, **given).granted()
    _refresh(desk, heard.tokens.get("RefreshToken")).granted()


@rule(
    "refresh.made-up",
    "A refresh token that was never issued is refused with NotAuthorizedException.",
    reference("InitiateAuth"),
    RuleSeverity.CRITICAL,
)
def _made_up(trial: Trial) -> None:
    desk = trial.desk()
    _refresh(desk, tokens_of(trial, desk).get("RefreshToken")).authenticates()
    _refresh(desk, "made.up.refresh.token").refused(
        "a made-up refresh token", "NotAuthorizedException"
    )


@rule(
    "refresh.binds-client",
    "A refresh token is refused by an app client that it was not issued to.",
    _RFC,
    RuleSeverity.CRITICAL,
)
def _binds(trial: Trial) -> None:
    desk, other = trial.desk(), trial.desk(client=ANOTHER_CLIENT)
    token = tokens_of(trial, desk).get("RefreshToken")
    _refresh(other, token).refused("another app client's refresh token")


@rule(
    "refresh.GetTokensFromRefreshToken",
    "GetTokensFromRefreshToken brings a new access and ID token.",
    reference("GetTokensFromRefreshToken"),
)
def _by_operation(trial: Trial) -> None:
    desk = trial.desk()
    token = tokens_of(trial, desk).get("RefreshToken")
    heard = desk.ask("GetTokensFromRefreshToken", RefreshToken=token).granted()
    if not heard.tokens.get("AccessToken") or not heard.tokens.get("IdToken"):
        raise RuleFailed("AccessToken or IdToken is missing")


@rule(
    "refresh.rotation",
    "With RefreshTokenRotation a refresh brings a new refresh token, and the old one is refused after the grace period.",
    _REFRESH_PAGE,
)
def _rotation(trial: Trial) -> None:
    desk = trial.desk(client=_ROTATING)
    token = tokens_of(trial, desk).get("RefreshToken")
    heard = desk.ask("GetTokensFromRefreshToken", RefreshToken=token).granted()
    new = heard.tokens.get("RefreshToken")
    if not new or new == token:
        raise RuleFailed("no new RefreshToken came")
    time.sleep(0.01)  # past a grace period of no seconds, also by a clock of milliseconds
    desk.ask("GetTokensFromRefreshToken", RefreshToken=token).refused("the old refresh token")


# ---- taken away --------------------------------------------------------------------------------------


@rule(
    "revoke.refresh-token",
    "After RevokeToken the refresh token is refused.",
    _REVOKE_PAGE,
    RuleSeverity.CRITICAL,
)
def _revoked(trial: Trial) -> None:
    desk = trial.desk()
    token = tokens_of(trial, desk).get("RefreshToken")
    desk.ask("RevokeToken", Token=token).granted()
    _refresh(desk, token).refused("a refresh token that was revoked")


@rule(
    "revoke.access-token",
    "After RevokeToken the access tokens that came of it are refused by GetUser.",
    _REVOKE_PAGE,
)
def _revoked_access(trial: Trial) -> None:
    desk = trial.desk()
    tokens = tokens_of(trial, desk)
    desk.ask("RevokeToken", Token=tokens.get("RefreshToken")).granted()
    desk.call("GetUser", AccessToken=tokens.get("AccessToken")).refused(
        "an access token that was revoked"
    )


@rule(
    "sign-out.refresh-token",
    "After GlobalSignOut the refresh token is refused.",
    reference("GlobalSignOut"),
    RuleSeverity.CRITICAL,
)
def _signed_out(trial: Trial) -> None:
    desk = trial.desk()
    tokens = tokens_of(trial, desk)
    desk.call("GlobalSignOut", AccessToken=tokens.get("AccessToken")).granted()
    _refresh(desk, tokens.get("RefreshToken")).refused("a refresh token after GlobalSignOut")


@rule(
    "sign-out.access-token",
    "After GlobalSignOut the access token is refused by GetUser.",
    reference("GlobalSignOut"),
)
def _signed_out_access(trial: Trial) -> None:
    desk = trial.desk()
    token = tokens_of(trial, desk).get("AccessToken")
    desk.call("GlobalSignOut", AccessToken=token).granted()
    desk.call("GetUser", AccessToken=token).refused("an access token after GlobalSignOut")
