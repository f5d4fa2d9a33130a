"""The pool's account operations take the transitions of the table: enumerated, and in random walks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from authfsm.local import GateError, LocalPool, PoolRefusal, Triggers
from authfsm.local.api import operations
from authfsm.local.state.users import Status
from authfsm.protocol.account_table import (
    ACCOUNT_LIFE,
    ACCOUNT_TRANSITIONS,
    SIMULATED_OPERATIONS,
    AccountOperation,
    AccountTransition,
    Actor,
    UserStatus,
)
from authfsm.protocol.evidence import account_evidence

U, O = UserStatus, AccountOperation  # noqa: E741 - as in the table
PASSWORD, NEW, OTHER = "Correct-h0rse", "New-Passw0rd!", "0ther-Passw0rd"
EMAIL = {"Name": "email", "Value": "ada@example.com"}
NOT_THE_POOLS = {
    each
    for each in ACCOUNT_TRANSITIONS
    if each.operation in {O.IMPORT_USER, O.FEDERATED_SIGN_IN, O.FIRST_FACTOR_PASSKEY}
    or each.source not in {U.NO_ACCOUNT, *(U[own.name] for own in Status)}
}
"""Operations that the test leaves out.

Identity providers, CSV imports, unused statuses; passkeys have their own test.
"""


@cache
def key() -> RSAKey:
    """One key for all pools."""
    return RSAKey.generate_key(2048)


class Account:
    """A pool with at most one user, and the values that its operations need.

    Codes, a token, choices of the triggers.
    """

    def __init__(self, *, auto_confirm: bool = False, migrates: str | None = None) -> None:
        def pre_sign_up(event: Any) -> Any:
            event["response"]["autoConfirmUser"] = auto_confirm
            return event

        def user_migration(event: Any) -> Any:
            if migrates:
                event["response"]["userAttributes"] = {
                    "email": EMAIL["Value"], "email_verified": "true",
                }  # fmt: skip
                event["response"]["finalUserStatus"] = migrates
            return event

        self.pool = LocalPool(
            key=key(),
            allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"],
            auto_verified_attributes=["email"],
            prevent_user_existence_errors="LEGACY",
            per_user_quotas=False,
            triggers=Triggers(pre_sign_up=pre_sign_up, user_migration=user_migration),
        )
        self.token, self.password = "none", PASSWORD

    @property
    def status(self) -> UserStatus:
        """Return the status that AdminGetUser shows."""
        try:
            return U[self.call("AdminGetUser", Username="ada")["UserStatus"]]
        except PoolRefusal:
            return U.NO_ACCOUNT

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Answer a request, with the pool's id for an administrator, else with the client's."""
        admin = operation.startswith("Admin")
        target = {"UserPoolId": self.pool.pool_id} if admin else {}
        if not admin and "AccessToken" not in request:
            target["ClientId"] = self.pool.client_id
        return self.pool.answer(operation, {**target, **request})

    def begin(self, flow: str, **parameters: str) -> dict[str, Any]:
        """Send InitiateAuth."""
        reply = self.call("InitiateAuth", AuthFlow=flow, AuthParameters={"USERNAME": "ada", **parameters})
        self.token = reply.get("AuthenticationResult", {}).get("AccessToken", self.token)
        return reply

    def answer(self, first_reply: Mapping[str, Any], **responses: str) -> dict[str, Any]:
        """Send RespondToAuthChallenge."""
        reply = self.call(
            "RespondToAuthChallenge",
            ChallengeName=first_reply["ChallengeName"],
            Session=first_reply["Session"],
            ChallengeResponses={"USERNAME": "ada", **responses},
        )
        self.token = reply.get("AuthenticationResult", {}).get("AccessToken", self.token)
        return reply

    def code(self) -> str:
        """Return the last code that was sent; a wrong one if none was."""
        return self.pool.outbox[-1].code.reveal() if len(self.pool.outbox) else "000000"

    def prepare(self, status: UserStatus) -> None:
        """Bring the account to a status, with a token and a code from earlier if they can exist."""
        if status is U.NO_ACCOUNT:
            return
        if status is U.UNCONFIRMED:
            self.sign_up()
            return
        self.pool.add_user("ada", PASSWORD, email=EMAIL["Value"])
        self.begin("USER_PASSWORD_AUTH", PASSWORD=PASSWORD)
        self.call("ForgotPassword", Username="ada")
        self.pool.user("ada").status = Status[status.name]

    def sign_up(self) -> None:
        """Send SignUp."""
        self.call("SignUp", Username="ada", Password=PASSWORD, UserAttributes=[EMAIL])

    def set_password(self, password: str, *, permanent: bool) -> None:
        """Send AdminSetUserPassword."""
        self.call("AdminSetUserPassword", Username="ada", Password=password, Permanent=permanent)
        self.password = password

    def confirm_forgot_password(self) -> None:
        """Send ConfirmForgotPassword."""
        self.call("ConfirmForgotPassword", Username="ada", ConfirmationCode=self.code(), Password=NEW)
        self.password = NEW

    def change_password(self) -> None:
        """Send ChangePassword, with the right password."""
        self.call("ChangePassword", AccessToken=self.token, PreviousPassword=self.password, ProposedPassword=OTHER)
        self.password = OTHER

    def new_password(self) -> None:
        """Sign in and replace the temporary password."""
        first_reply = self.begin("USER_PASSWORD_AUTH", PASSWORD=self.password)
        if "ChallengeName" in first_reply:
            self.answer(first_reply, NEW_PASSWORD=NEW)
            self.password = NEW

    def first_factor_code(self) -> None:
        """Sign in with a code by e-mail; a user who was imported has no password."""
        if self.status is U.RESET_REQUIRED:
            self.pool.user("ada").credential = None
        first_reply = self.begin("USER_AUTH", PREFERRED_CHALLENGE="EMAIL_OTP")
        self.answer(first_reply, EMAIL_OTP_CODE=self.code())


RUN: dict[AccountOperation, Callable[[Account], Any]] = {
    O.SIGN_UP: Account.sign_up,
    O.CONFIRM_SIGN_UP: lambda a: a.call("ConfirmSignUp", Username="ada", ConfirmationCode=a.code()),
    O.RESEND_CONFIRMATION_CODE: lambda a: a.call("ResendConfirmationCode", Username="ada"),
    O.FORGOT_PASSWORD: lambda a: a.call("ForgotPassword", Username="ada"),
    O.CONFIRM_FORGOT_PASSWORD: Account.confirm_forgot_password,
    O.CHANGE_PASSWORD: Account.change_password,
    O.DELETE_USER: lambda a: a.call("DeleteUser", AccessToken=a.token),
    O.ADMIN_CREATE_USER: lambda a: a.call(
        "AdminCreateUser", Username="ada", UserAttributes=[EMAIL], TemporaryPassword=PASSWORD,
        **({"MessageAction": "RESEND"} if a.status is U.FORCE_CHANGE_PASSWORD else {}),
    ),
    O.ADMIN_CONFIRM_SIGN_UP: lambda a: a.call("AdminConfirmSignUp", Username="ada"),
    O.ADMIN_SET_PERMANENT_PASSWORD: lambda a: a.set_password(NEW, permanent=True),
    O.ADMIN_SET_TEMPORARY_PASSWORD: lambda a: a.set_password(NEW, permanent=False),
    O.ADMIN_RESET_USER_PASSWORD: lambda a: a.call("AdminResetUserPassword", Username="ada"),
    O.ADMIN_DELETE_USER: lambda a: a.call("AdminDeleteUser", Username="ada"),
    O.MIGRATE_USER: lambda a: a.begin("USER_PASSWORD_AUTH", PASSWORD=a.password),
    O.NEW_PASSWORD: Account.new_password,
    O.FIRST_FACTOR_CODE: Account.first_factor_code,
}  # fmt: skip
SETTINGS: list[dict[str, Any]] = [{}, {"auto_confirm": True}, {"migrates": "CONFIRMED"}, {"migrates": "RESET_REQUIRED"}]  # fmt: skip


def run(account: Account, operation: AccountOperation) -> AccountTransition | None:
    """Run one operation; return its transition, or None if it was refused and changed nothing."""
    before = account.status
    try:
        RUN[operation](account)
    except PoolRefusal:
        if account.status is before:
            return None
    after = account.status
    if after is before and operation.actor is Actor.SIGN_IN:
        return None
    if before is U.NO_ACCOUNT and operation is O.NEW_PASSWORD:
        operation = O.MIGRATE_USER  # the first request of that sign-in
    return AccountTransition(before, operation, after)


def without_password(account: Account) -> AccountTransition:
    """Send AdminCreateUser without a password, if a code is enough to sign in."""
    account.call("AdminCreateUser", Username="ada", UserAttributes=[EMAIL])
    return AccountTransition(U.NO_ACCOUNT, O.ADMIN_CREATE_USER, account.status)


def test_the_pool_makes_the_transitions_of_the_table() -> None:
    """The pool takes only transitions of the table, and all that it can produce."""
    transitions: set[AccountTransition | None] = {without_password(Account())}
    for status in (U.NO_ACCOUNT, *(U[own.name] for own in Status)):
        for operation in RUN:
            for options in SETTINGS if status is U.NO_ACCOUNT else SETTINGS[:1]:
                account = Account(**options)
                account.prepare(status)
                assert account.status is status
                transitions.add(run(account, operation))

    uncertain = {each for each in ACCOUNT_TRANSITIONS if account_evidence(each)[0].confidence == "contradictory"}
    assert transitions - {None} == set(ACCOUNT_TRANSITIONS) - NOT_THE_POOLS - uncertain


@given(
    st.sampled_from(SETTINGS), st.lists(st.tuples(st.sampled_from(list(RUN)), st.booleans()), min_size=4, max_size=16)
)
@settings(max_examples=60, deadline=None)
def test_a_random_walk_stays_on_the_table(options: dict[str, Any], steps: list[tuple[AccountOperation, bool]]) -> None:
    """Any sequence of operations, valid or not, takes only transitions of the table, and the gate agrees."""
    account = Account(**options)
    for operation, is_right in steps:
        token = account.token
        if not is_right:
            account.password, account.token = "Wr0ng-password", "wrong"
        transition = run(account, operation)
        if not is_right:
            account.token = token
        assert transition is None or transition in ACCOUNT_TRANSITIONS


@pytest.mark.parametrize(
    "operation", [each for each in RUN if each.actor is not Actor.SIGN_IN and each not in SIMULATED_OPERATIONS]
)
def test_the_gate_finds_a_missing_transition(monkeypatch: pytest.MonkeyPatch, operation: AccountOperation) -> None:
    """If the table lacks a transition that the pool takes, the gate reports an error of the pool."""
    source = next(status for status in UserStatus if operation in ACCOUNT_LIFE[status])
    account = Account()
    account.prepare(source)
    rest = frozenset(each for each in ACCOUNT_TRANSITIONS if each.operation is not operation)
    monkeypatch.setattr(operations, "_TRANSITIONS", rest)
    if operation is O.FORGOT_PASSWORD:  # its reply may be simulated, so that only a change is checked
        account = Account(migrates="RESET_REQUIRED")

    with pytest.raises(GateError, match=f"by {operation} to") as raised:
        RUN[operation](account)
    assert raised.value.transition[:2] == (source, operation)


def test_a_trigger_may_change_the_account_meanwhile() -> None:
    """A trigger that deletes the user during ConfirmSignUp causes no error of the pool."""
    holder = SimpleNamespace()

    def post_confirmation(event: Any) -> Any:
        request = {"UserPoolId": holder.pool.pool_id, "Username": event["userName"]}
        holder.pool.answer("AdminDeleteUser", request)
        return event

    holder.pool = LocalPool(
        key=key(), auto_verified_attributes=["email"], triggers=Triggers(post_confirmation=post_confirmation)
    )
    account = Account()
    account.pool = holder.pool
    account.sign_up()
    RUN[O.CONFIRM_SIGN_UP](account)

    assert account.status is U.NO_ACCOUNT
