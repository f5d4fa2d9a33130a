"""A challenge limits the factors by its parameters; a factor that it does not offer is refused unsent."""

from __future__ import annotations

import json
from itertools import chain, combinations

import pytest
from samples import all_data, challenge

from authfsm.core.signin import SignIn
from authfsm.protocol import responses as r
from authfsm.protocol.errors import InvalidInput, WrongResponse
from authfsm.protocol.prompts import form_for
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL

SET_UP = ("SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP")
FIRST = ("PASSWORD", "PASSWORD_SRP", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN")
RESPONSES: dict[str, Response] = {
    "PASSWORD": r.Password("a password"),
    "PASSWORD_SRP": r.SrpA("beef"),
    "WEB_AUTHN": r.Credential("{}"),
}


def subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return all subsets of these names."""
    return list(chain.from_iterable(combinations(names, n) for n in range(len(names) + 1)))


def signin_offering(state: State, key: str | None = None, names: tuple[str, ...] = ()) -> SignIn:
    """Return a sign-in in this state, with the names under that parameter, or as AvailableChallenges."""
    signin = SignIn("client", pool_id="eu-west-1_Pool")
    begin = r.UserAuth("ada") if key is None else r.UserPasswordAuth("ada", "a password")
    signin.send(begin)
    raw = challenge(state)
    if key is None:
        raw["AvailableChallenges"] = list(names)
    else:
        raw["ChallengeParameters"] = {key: json.dumps(names)} if names else {}
    signin.receive(raw)
    return signin


def refusal_message(signin: SignIn, response: Response) -> str:
    """Return the message with which a response is refused; check that nothing changes."""
    before = all_data(signin)
    with pytest.raises(WrongResponse) as caught:
        signin.send(response)
    assert all_data(signin) == before
    assert caught.value.accepts == signin.accepts
    assert all(each.__name__ in str(caught.value) for each in signin.accepts)
    return str(caught.value)


def assert_not_offered(signin: SignIn, name: str, names: tuple[str, ...]) -> None:
    """Check that a choice that is not offered is the user's error and names the offered ones."""
    before = all_data(signin)
    for refuses in (signin.check, signin.send):
        with pytest.raises(InvalidInput) as caught:
            refuses(r.Select(name))
        assert caught.value.survives
        assert caught.value.state is signin.state
        assert all(each in str(caught.value) for each in names)
    assert all_data(signin) == before


@pytest.mark.parametrize("names", subsets(SET_UP), ids=str)
def test_the_offered_factors_can_be_set_up(names: tuple[str, ...]) -> None:
    """MFAS_CAN_SETUP with SOFTWARE_TOKEN_MFA offers the app, with EMAIL_OTP the e-mail address."""
    signin = signin_offering(State.MFA_SETUP, "MFAS_CAN_SETUP", names)
    app, mail = (not names or each in names for each in ("SOFTWARE_TOKEN_MFA", "EMAIL_OTP"))

    assert signin.accepts == (r.AssociateSoftwareToken,) * app + (r.SetUpEmail,) * mail
    for response, is_accepted in ((r.AssociateSoftwareToken(), app), (r.SetUpEmail("a@b.example"), mail)):
        if is_accepted:
            signin.send(response)
            signin.send_failed()
        else:
            assert "offers" in refusal_message(signin, response)


@pytest.mark.parametrize("key", ["MFAS_CAN_CHOOSE", "MFAS_CAN_SELECT"])
@pytest.mark.parametrize("names", subsets(SET_UP), ids=str)
def test_the_offered_second_factors_can_be_chosen(key: str, names: tuple[str, ...]) -> None:
    """The challenge names the second factors; if it names none, all can be chosen."""
    signin = signin_offering(State.SELECT_MFA_TYPE, key, names)

    assert signin.accepts == (r.Select,)
    for name in SET_UP:
        if not names or name in names:
            signin.send(r.Select(name))
            signin.send_failed()
        else:
            assert_not_offered(signin, name, names)


def test_an_emailed_code_has_two_names() -> None:
    """The API reference has EMAIL_MFA where the list of values has EMAIL_OTP: both mean the same."""
    for offered, chosen in (("EMAIL_MFA", "EMAIL_OTP"), ("EMAIL_OTP", "EMAIL_MFA")):
        signin_offering(State.SELECT_MFA_TYPE, "MFAS_CAN_CHOOSE", (offered,)).send(r.Select(chosen))
    signin = signin_offering(State.MFA_SETUP, "MFAS_CAN_SETUP", ("EMAIL_MFA",))
    assert signin.challenge is not None
    assert signin.accepts == (r.SetUpEmail,)
    assert [each.response for each in form_for(signin.challenge).prompts] == [r.SetUpEmail]


@pytest.mark.parametrize("state", [State.SELECT_CHALLENGE, State.EMAIL_OTP, State.SMS_OTP, State.WEB_AUTHN])
@pytest.mark.parametrize("names", subsets(FIRST), ids=str)
def test_the_offered_first_factors_can_be_chosen(state: State, names: tuple[str, ...]) -> None:
    """AvailableChallenges limits the choice of a first factor, with or without its proof, but not the present one."""
    signin = signin_offering(state, names=names)
    not_accepted = {type(each) for name, each in RESPONSES.items() if names and name not in names} - (
        {r.Credential} if state is State.WEB_AUTHN else set()
    )

    assert signin.accepts == tuple(each for each in PROTOCOL[state] if each not in not_accepted)
    for name in FIRST:
        if not names or name in names:
            signin.send(r.Select(name))
            signin.send_failed()
        else:
            assert_not_offered(signin, name, names)
    for each in RESPONSES.values():
        if type(each) in not_accepted:
            refusal_message(signin, each)
