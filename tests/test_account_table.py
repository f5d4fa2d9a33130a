"""The life of an account.

The table is complete and has evidence, and the machine has exactly its transitions.
"""

from __future__ import annotations

import asyncio
from itertools import product
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from transitions import MachineError
from transitions.extensions import HierarchicalMachine
from transitions.extensions.asyncio import AsyncMachine

from authfsm import AccountOperation, RecoveryAction, UserStatus, build_account
from authfsm.core.machine_triggers import UnsuitableModel
from authfsm.protocol.account_table import (
    ACCOUNT_LIFE,
    ACCOUNT_TRANSITIONS,
    RECOVERIES,
    SIMULATED_OPERATIONS,
    UNUSED_STATUSES,
    Actor,
    account_operation,
)
from authfsm.protocol.evidence import account_evidence, all_account_evidence
from authfsm.protocol.responses import Code, NewPassword

COGNITO: Any = botocore.session.get_session().get_service_model("cognito-idp")
U, O = UserStatus, AccountOperation  # noqa: E741 - as in the table


def test_statuses_are_those_of_the_api() -> None:
    """The statuses are the UserStatus values that AWS lists, and one for no account."""
    assert set(COGNITO.shape_for("UserStatusType").enum) == set(UserStatus) - {U.NO_ACCOUNT}
    assert set(ACCOUNT_LIFE) == set(UserStatus)


def test_operations_exist_in_the_api() -> None:
    """Each operation has an operation of the API and a status that accepts it.

    AWS's admin operations are the admin's.
    """
    assert {each.page for each in O} <= set(COGNITO.operation_names)
    assert {operation for row in ACCOUNT_LIFE.values() for operation in row} == set(O)
    admin = {each for each in O if each.page.startswith("Admin") or each is O.IMPORT_USER}
    assert {each for each in O if each.actor is Actor.ADMINISTRATOR} == admin


def test_every_operation_with_a_password_or_status_is_in_the_table() -> None:
    """Operations of the API that set a password or create, confirm or delete a user are in the table."""

    def concerns_status(name: str) -> bool:
        members = COGNITO.operation_model(name).input_shape.members
        return any("Password" in each for each in members) or any(
            word in name for word in ("SignUp", "DeleteUser", "CreateUser", "ForgotPassword")
        )

    others = ("UserPool", "Attributes", "UserImportJob")
    of_the_api = {
        name for name in COGNITO.operation_names if concerns_status(name) and not any(word in name for word in others)
    }

    assert of_the_api <= {each.page for each in O}
    assert {each.page for each in O} - of_the_api == {
        "AdminResetUserPassword", "CreateIdentityProvider", "InitiateAuth", "ResendConfirmationCode",
        "RespondToAuthChallenge", "StartUserImportJob",
    }  # fmt: skip


def test_evidence_is_complete() -> None:
    """Each transition has evidence with a source, and the evidence has no other transition."""
    assert all_account_evidence().keys() == set(ACCOUNT_TRANSITIONS)
    assert all(found.source for each in ACCOUNT_TRANSITIONS for found in account_evidence(each))


def test_statuses_in_use_have_certain_transitions() -> None:
    """Each status in use has a certain transition that leads to it, and one that leaves it."""
    sure = [t for t in ACCOUNT_TRANSITIONS if not account_evidence(t)[0].confidence.is_uncertain]

    assert {each.dest for each in sure} == set(UserStatus) - UNUSED_STATUSES
    assert {each.source for each in sure} == set(UserStatus) - UNUSED_STATUSES


def test_every_status_can_end_and_most_can_sign_in() -> None:
    """Each account can be deleted, and users and administrators can bring each status in use to CONFIRMED."""
    assert all(O.ADMIN_DELETE_USER in ACCOUNT_LIFE[each] for each in U if each is not U.NO_ACCOUNT)
    for status in set(UserStatus) - UNUSED_STATUSES:
        assert any(U.CONFIRMED in dests for dests in ACCOUNT_LIFE[status].values()), status


def test_recovery_actions_lead_into_the_table() -> None:
    """Recovery actions that name an account operation lead to CONFIRMED along the table."""
    operation_actions = {
        each for each in RecoveryAction if "ForgotPassword" in each.advice or "ConfirmSignUp" in each.advice
    }

    assert set(RECOVERIES) == operation_actions
    for action, (status, operation) in RECOVERIES.items():
        assert operation in ACCOUNT_LIFE[status]
        assert operation.value in action.advice


def test_the_meaning_of_a_status_excludes_no_sign_in() -> None:
    """A status from which the table has a sign-in with a code or a passkey is not said to exclude every sign-in."""
    excluding = [status for status in U if "before signing in" in status.meaning]
    assert excluding == [U.RESET_REQUIRED]
    for status in excluding:
        assert {O.FIRST_FACTOR_CODE, O.FIRST_FACTOR_PASSKEY} <= ACCOUNT_LIFE[status].keys()
        assert status.meaning.endswith("before signing in with a password.")


@pytest.fixture(scope="module")
def machine() -> Any:
    """One machine for all cases."""
    return build_account()


@pytest.mark.parametrize(("status", "operation"), list(product(UserStatus, O)))
def test_the_machine_is_the_table(machine: Any, status: UserStatus, operation: AccountOperation) -> None:
    """The machine has the transitions of the table, and no others."""
    dests = ACCOUNT_LIFE[status].get(operation, frozenset())
    call = getattr(machine, operation.trigger)
    for dest in UserStatus:
        machine.set_state(status)
        if not dests:
            with pytest.raises(MachineError):
                call(dest)
        elif dest in dests:
            assert call(dest)
            assert machine.state is dest
        else:
            with pytest.raises(ValueError, match=f"{operation} leads from {status} to one of"):
                call(dest)
            assert machine.state is status
    machine.set_state(status)
    assert getattr(machine, f"may_{operation.trigger}")() == bool(dests)


def test_the_machine_can_be_async() -> None:
    """`AsyncMachine` runs the same table; an operation with one destination needs no status."""
    machine: Any = build_account(machine_cls=AsyncMachine)

    async def confirm() -> None:
        await machine.sign_up(U.UNCONFIRMED)
        await machine.confirm_sign_up()

    asyncio.run(confirm())

    assert machine.state is U.CONFIRMED


def test_the_machine_takes_states_and_triggers_of_the_application() -> None:
    """An application's own states, triggers and callbacks work beside the table's, as in `build`."""
    transition = {"trigger": "archive", "source": "CONFIRMED", "dest": "SHELVED"}
    machine: Any = build_account(states="SHELVED", transitions=[transition], initial=U.CONFIRMED, send_event=True)
    machine.add_transition("restore", "SHELVED", U.CONFIRMED)
    machine.add_transition("sign_up", "SHELVED", U.UNCONFIRMED)

    assert machine.may_archive()
    assert machine.archive()
    assert machine.state == "SHELVED"
    assert machine.restore()
    assert machine.archive()
    assert machine.sign_up()
    assert machine.state is U.UNCONFIRMED


def test_a_model_that_is_added_later_is_checked() -> None:
    """`add_model` refuses a model whose own attribute has a trigger's name, also after the machine was made."""
    with pytest.raises(UnsuitableModel):
        build_account(None).add_model(SimpleNamespace(sign_up=None))


@pytest.mark.parametrize("options", [{"send_event": False}, {"machine_cls": HierarchicalMachine}], ids=str)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    """The same options are refused as by `build`."""
    with pytest.raises(ValueError, match=r"send_event=True|HierarchicalMachine"):
        build_account(**options)


def test_requests_are_operations() -> None:
    """Each operation of Cognito's is found from its request; other requests change no status."""
    assert {account_operation(each.value) for each in O} >= {
        each for each in O if each.actor in {Actor.USER, Actor.SIGNED_IN_USER}
    }
    assert account_operation("AdminSetUserPassword") is O.ADMIN_SET_TEMPORARY_PASSWORD
    assert account_operation("AdminSetUserPassword", permanent=True) is O.ADMIN_SET_PERMANENT_PASSWORD
    assert account_operation("RespondToAuthChallenge", response=NewPassword) is O.NEW_PASSWORD
    assert account_operation("RespondToAuthChallenge", response=Code) is O.FIRST_FACTOR_CODE
    assert account_operation("InitiateAuth") is O.MIGRATE_USER
    assert account_operation("GetUser") is None
    assert {each.value for each in SIMULATED_OPERATIONS} <= set(COGNITO.operation_names)
