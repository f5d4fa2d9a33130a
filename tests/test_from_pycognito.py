"""`notebooks/from-pycognito.md` is complete, and both columns of each row have the same result."""

from __future__ import annotations

import ast
import inspect
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pycognito
import pyotp
import pytest
from attrs import frozen
from joserfc.jwk import RSAKey
from pycognito.aws_srp import AWSSRP
from pycognito.utils import RequestsSrpAuth

import authfsm
from authfsm import Cognito, UserSrpAuth, Verifier, srp
from authfsm.drivers import totp
from authfsm.local import DeviceConfiguration, LocalPool, SchemaAttribute

PAGE: Final = Path(__file__).parent.parent / "notebooks" / "from-pycognito.md"
RECEIVERS: Final = {"user": pycognito.Cognito, "profile": pycognito.UserObj, "srp": AWSSRP, "auth": RequestsSrpAuth}
POSTS_TO_AWS: Final = {"srp.confirm_device", "srp.update_device_status", "srp.forget_device"}
NEW: Final = "Another-Horse-2"
PASSWORD: Final = "Correct-Horse-1"
TOTP: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@frozen
class Row:
    """How a row is tested.

    Args:
        compared: an expression for the effect of the code; or one for each column.
        pool: the pool's settings.
        ada: what the pool knows of ada.
        before: code that runs before the left column, and before the right one.
        signed_in: whether ada has signed in before.
    """

    compared: str | tuple[str, str] = "requests[-1]"
    pool: dict[str, Any] = {}  # noqa: RUF008 - never changed
    ada: dict[str, Any] = {}  # noqa: RUF008 - the same
    before: tuple[str, str] = ("", "")
    signed_in: bool = False

    @property
    def by_column(self) -> tuple[str, str]:
        """Return the expressions by which the columns are compared."""
        return (self.compared, self.compared) if isinstance(self.compared, str) else self.compared


_STATUS = 'client.admin_get_user(UserPoolId=pool_id, Username="{0}")["UserStatus"]'
_ATTRIBUTES = 'attributes_of("{0}")'
_NIA = 'client.sign_up(ClientId=client_id, Username="nia", Password=password, UserAttributes=[{"Name": "email", "Value": "nia@example.com"}])'
_CODE = 'code = pool.outbox.code_for("{0}")'
_MAIL = {"email": "ada@example.com"}
_WORKS = "works(new_password)"
_GROUP = 'group = {"GroupName": "staff", "Description": "The staff"}'
_NEW_GROUP = 'client.create_group(UserPoolId=pool_id, GroupName="staff")'
_DETAILS = 'details = {"client_id": "corp"}'
_SMS = {"phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"}
_SAME_A = "srp.small_a_value = int.from_bytes(entropy, 'big')"
_PAIR = "pair = authfsm.srp.ephemeral(entropy)"
_AS_A = f"{_SAME_A}; srp.large_a_value = srp.calculate_a()"
_DEVICE = "srp.device_key, srp.device_group_key, srp.device_password = 'key', 'group', password"
_TEAM = {"schema": [SchemaAttribute("custom:team")], "write_attributes": ["custom:team"]}
_DEVICES = {"device": DeviceConfiguration(device_only_remembered_on_user_prompt=True)}
_EXPIRED = ("later()", "flow._clock = lambda: now + timedelta(hours=2)")
_BAD = ("", "")


def _twice(code: str) -> tuple[str, str]:
    return code, code


ROWS: Final[dict[str, Row]] = {
    "user.authenticate": Row(("user.access_claims['username']", "flow.tokens.username")),
    "user.respond_to_sms_mfa_challenge": Row(
        ("user.access_claims['username']", "flow.tokens.username"),
        pool={"mfa": "OPTIONAL"}, ada=_SMS,
        before=(f"attempt(user.authenticate, password); {_CODE.format('ada')}",
               f"flow = cognito.sign_in('ada', password); {_CODE.format('ada')}"),
    ),
    "user.respond_to_software_token_mfa_challenge": Row(
        ("user.access_claims['username']", "flow.tokens.username"),
        pool={"mfa": "OPTIONAL"}, ada={"totp_secret": TOTP},
        before=("attempt(user.authenticate, password); code = app_code()",
               "flow = cognito.sign_in('ada', password); code = app_code()"),
    ),
    "user.new_password_challenge": Row(
        _STATUS.format("ada"), ada={"temporary": True},
        before=("", "flow = cognito.sign_in('ada', password)"),
    ),
    "user.admin_authenticate": Row(("user.access_claims['username']", "flow.tokens.username")),
    "user.check_token": Row(
        ("user.access_token != old", "flow.tokens != old"), signed_in=True,
        before=("old = user.access_token; later()",
               "old = flow.tokens; flow._clock = lambda: now + timedelta(hours=2)"),
    ),
    "user.renew_access_token": Row(
        ("user.access_token != old", "flow.tokens.access_token != old"), signed_in=True,
        before=("old = user.access_token", "old = flow.tokens.access_token"),
    ),
    "user.logout": Row("accepted(token)", signed_in=True),
    "user.verify_tokens": Row(
        ("user.id_claims['sub'] == user.access_claims['sub'] and ran", "result.token_use == 'id'"),
        signed_in=True, before=("user.id_claims = user.access_claims = None", ""),
    ),
    "user.verify_token": Row(("result['username']", "result.username"), signed_in=True),
    "user.get_keys": Row(("bool(result['keys'])", "result.username == 'ada'"), signed_in=True),
    "user.get_key": Row(
        ("result['kty'] == 'RSA'", "result.username == 'ada'"), signed_in=True,
        before=("kid = pool.jwks()['keys'][0]['kid']", ""),
    ),
    "user.user_pool_url": Row("result"),
    "user.switch_session": Row(("user.client is session.made", "cognito.client is session.made")),
    "user.set_base_attributes": Row(_ATTRIBUTES.format("nia")),
    "user.add_custom_attributes": Row(_ATTRIBUTES.format("nia"), pool=_TEAM),
    "user.register": Row(_STATUS.format("nia")),
    "user.confirm_sign_up": Row(
        _STATUS.format("nia"), before=_twice(f"{_NIA}; {_CODE.format('nia')}")
    ),
    "user.resend_confirmation_code": Row("len(pool.outbox)", before=_twice(_NIA)),
    "user.initiate_forgot_password": Row("len(pool.outbox)", ada=_MAIL),
    "user.confirm_forgot_password": Row(
        _WORKS, ada=_MAIL,
        before=_twice(f"client.forgot_password(ClientId=client_id, Username='ada'); {_CODE.format('ada')}"),
    ),
    "user.change_password": Row(_WORKS, signed_in=True),
    "user.get_user": Row(("result.email", "result.attributes['email']"), ada=_MAIL, signed_in=True),
    "user.get_user_obj": Row(
        ("result.email", "result.attributes['email']"), ada=_MAIL, signed_in=True,
        before=("attributes = client.get_user(AccessToken=token)['UserAttributes']", ""),
    ),
    "user.update_profile": Row(_ATTRIBUTES.format("ada"), signed_in=True),
    "user.send_verification": Row("len(pool.outbox)", ada=_MAIL, signed_in=True),
    "user.validate_verification": Row(
        _ATTRIBUTES.format("ada"), ada={**_MAIL, "verified": False}, signed_in=True,
        before=_twice(
            "client.get_user_attribute_verification_code(AccessToken=token, AttributeName='email');"
            + _CODE.format("ada")
        ),
    ),
    "user.delete_user": Row("accepted(token)", signed_in=True),
    "user.associate_software_token": Row(
        ("len(result)", "len(result.secret_code.reveal())"), signed_in=True
    ),
    "user.verify_software_token": Row(
        ("result", "mfa_of('ada') == ['SOFTWARE_TOKEN_MFA']"), pool={"mfa": "OPTIONAL"}, signed_in=True,
        before=_twice("code = pyotp.TOTP(client.associate_software_token(AccessToken=token)['SecretCode']).now()"),
    ),
    "user.set_user_mfa_preference": Row(
        "mfa_of('ada')", pool={"mfa": "OPTIONAL"}, ada={"totp_secret": TOTP, "mfa": []},
        signed_in=True,
    ),
    "user.admin_create_user": Row(),
    "user.admin_get_user": Row(),
    "user.get_users": Row(("len(result)", "len(result[0]['Users'])")),
    "user.admin_confirm_sign_up": Row(_STATUS.format("nia"), before=_twice(_NIA)),
    "user.admin_update_profile": Row(_ATTRIBUTES.format("ada")),
    "user.admin_reset_password": Row(_STATUS.format("ada"), ada=_MAIL),
    "user.admin_disable_user": Row(),
    "user.admin_enable_user": Row(),
    "user.admin_delete_user": Row(),
    "user.admin_add_user_to_group": Row(before=_twice(_NEW_GROUP)),
    "user.admin_remove_user_from_group": Row(ada={"groups": ["staff"]}),
    "user.admin_list_groups_for_user": Row(
        ("result", "[each['GroupName'] for each in result[0]['Groups']]"), ada={"groups": ["staff"]}
    ),
    "user.get_group": Row(("result.group_name", "result['Group']['GroupName']")),
    "user.get_group_obj": Row(
        ("result.group_name", "result['Group']['GroupName']"), before=_twice(_GROUP)
    ),
    "user.get_groups": Row(
        ("[each.group_name for each in result]", "[each['GroupName'] for each in result[0]['Groups']]")
    ),
    "user.describe_user_pool_client": Row(),
    "user.admin_update_user_pool_client": Row(),
    "user.admin_create_identity_provider": Row(before=_twice(_DETAILS)),
    "user.admin_describe_identity_provider": Row(),
    "user.admin_update_identity_provider": Row(before=_twice(_DETAILS)),
    "profile.save": Row(
        _ATTRIBUTES.format("ada"), ada={"attributes": {"name": "?"}}, signed_in=True,
        before=("profile = user.get_user(); profile.name = 'Ada'", ""),
    ),
    "profile.delete": Row("accepted(token)", signed_in=True, before=("profile = user.get_user()", "")),
    "srp.authenticate_user": Row(
        ("result['AuthenticationResult']['TokenType']", "flow.tokens.token_type")
    ),
    "srp.set_new_password_challenge": Row(
        _STATUS.format("ada"), ada={"temporary": True},
        before=("", "flow = cognito.sign_in('ada', password)"),
    ),
    "srp.generate_random_small_a": Row(("result > 0", "pair.a.reveal() > 0")),
    "srp.calculate_a": Row("result", before=(_SAME_A, _PAIR)),
    "srp.get_auth_params": Row(
        ("result", "{'USERNAME': result.username, 'SRP_A': result.srp_a}"), before=(_AS_A, _PAIR)
    ),
    "srp.process_challenge": Row(
        ("shared.__setitem__('timestamp', result['TIMESTAMP']) or result['PASSWORD_CLAIM_SIGNATURE']",
         "result"),
        before=(f"{_AS_A}; parameters = challenge_parameters", f"{_PAIR}; timestamp = shared['timestamp']"),
    ),
    "srp.process_device_challenge": Row(
        ("shared.__setitem__('timestamp', result['TIMESTAMP']) or result['PASSWORD_CLAIM_SIGNATURE']",
         "result"),
        before=(
            f"{_AS_A}; {_DEVICE}; parameters = challenge_parameters",
            f"{_PAIR}; device = authfsm.Device('key', 'group', password); timestamp = shared['timestamp']",
        ),
    ),
    "srp.get_password_authentication_key": Row("result", before=(_AS_A, _PAIR)),
    "srp.get_device_authentication_key": Row("result", before=(_AS_A, _PAIR)),
    "srp.get_secret_hash": Row("result"),
    "srp.get_cognito_formatted_timestamp": Row("result[:10] + result[-9:]"),  # the second may change
    "srp.confirm_device": Row(
        "pool.user('ada').devices[device.device_key].remembered", pool=_DEVICES, signed_in=True
    ),
    "srp.update_device_status": Row(
        "pool.user('ada').devices[device.device_key].remembered", pool=_DEVICES, signed_in=True,
        before=("", "device = flow.confirm_device(); flow.answer(authfsm.UpdateDeviceStatus(remembered=False))"),
    ),
    "srp.forget_device": Row(
        "len(pool.user('ada').devices)", pool=_DEVICES, signed_in=True,
        before=("", "device_key = flow.confirm_device().device_key"),
    ),
    "auth": Row(
        "request.headers['Authorization'].startswith('Bearer eyJ')", signed_in=True,
        before=("auth = RequestsSrpAuth(cognito=user)", ""),
    ),
}  # fmt: skip
"""Every row of the page, by its receiver and method."""

TABLE: Final = {
    re.match(r"[\w.]+", left).group(): (left, right)  # type: ignore[union-attr]
    for left, right in re.findall(r"^\| `([^|]+)` \| `([^|]+)` \|$", PAGE.read_text("utf-8"), re.MULTILINE)
}


def test_every_public_method_has_a_row() -> None:
    """The page has each public method and property of pycognito's classes, and no other."""
    public = {
        f"{receiver}.{name}"
        for receiver, kind in RECEIVERS.items()
        for name, member in vars(kind).items()
        if not name.startswith("_")
        if inspect.isfunction(member) or isinstance(member, (property, staticmethod))
    }

    assert set(TABLE) == public | {"auth"}
    assert set(ROWS) == set(TABLE)


class Side:
    """One column: a pool of its own, and the names that its code uses.

    Args:
        row: how the row is run.
        key: signs the pool's tokens.
        shared: what the right column knows of the left one.
    """

    def __init__(self, row: Row, key: RSAKey, shared: dict[str, Any]) -> None:
        fixed = {"pool_id": "eu-west-1_AbCdEfGhI", "client_id": "1example23456789"}
        self.pool = pool = LocalPool(**{"mfa": "OFF", **fixed, **row.pool}, key=key)
        pool.add_user("ada", PASSWORD, **row.ada)
        self.client = client = pool.client()
        self.requests: list[tuple[str, Any]] = []
        events: Any = client.meta.events
        events.register("before-call.cognito-identity-provider", self._record)
        now = datetime.now(timezone.utc)
        session: Any = SimpleNamespace(client=lambda _, **__: session.made, made=SimpleNamespace(meta=client.meta))
        self.names: dict[str, Any] = {
            **vars(authfsm), **{name: getattr(authfsm, name) for name in authfsm.__all__},
            "authfsm": authfsm, "totp": totp, "Cognito": Cognito, "pyotp": pyotp, "timedelta": timedelta,
            "RequestsSrpAuth": RequestsSrpAuth, "shared": shared, "now": now, "session": session,
            "pool": pool, "client": client, "requests": self.requests, "request": SimpleNamespace(headers={}),
            "pool_id": pool.pool_id, "client_id": pool.client_id, "password": PASSWORD, "new_password": NEW,
            "entropy": bytes(range(1, 33)), "B": srp.verifier(7), "salt": 2**64 + 1, "block": "AAAA",
            "attempt": attempt, "accepted": self.accepts, "works": self.works, "mfa_of": self.mfa_of,
            "attributes_of": self.attributes_of, "app_code": lambda: pyotp.TOTP(TOTP).at(pool.clock()),
        }  # fmt: skip
        self.names["challenge_parameters"] = {
            "USERNAME": "ada", "USER_ID_FOR_SRP": "ada", "SALT": f"{2**64 + 1:x}", "SECRET_BLOCK": "AAAA",
            "SRP_B": f"{srp.verifier(7):x}", "DEVICE_KEY": "key",
        }  # fmt: skip

    def _record(self, model: Any, params: Any, **_: Any) -> Any:
        self.requests.append((model.name, params["body"]))
        if "IdentityProvider" in model.name or model.name in {"GetGroup", "ListGroups"}:
            group = {"GroupName": "staff"}
            reply = {"IdentityProvider": {}, "Group": group, "Groups": [group]}
            return SimpleNamespace(status_code=200), reply
        return None

    def accepts(self, token: str) -> bool:
        """Return whether an access token is still accepted."""
        return not isinstance(attempt(lambda: self.client.get_user(AccessToken=token)), str)

    def works(self, password: str) -> bool:
        """Return whether ada can sign in with this password."""
        return not isinstance(attempt(lambda: self.pool.cognito().sign_in("ada", password)), str)

    def mfa_of(self, name: str) -> Any:
        """Return the second factors of a user."""
        user = self.client.admin_get_user(UserPoolId=self.pool.pool_id, Username=name)
        return user.get("UserMFASettingList", [])

    def attributes_of(self, name: str) -> Any:
        """Return the attributes of a user, without the id."""
        user = self.client.admin_get_user(UserPoolId=self.pool.pool_id, Username=name)
        return sorted((e["Name"], e["Value"]) for e in user["UserAttributes"] if e["Name"] != "sub")

    def run(self, code: str) -> None:
        """Run code; the value of its last expression becomes `result`."""
        tree = ast.parse(code)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body[-1] = ast.parse(f"result = {ast.unparse(last)}").body[0]
        exec(compile(tree, "from-pycognito.md", "exec"), self.names)  # noqa: S102 - the page's own code

    def see(self, expression: str) -> Any:
        """Return the value of an expression, or the name of its error."""
        return attempt(lambda: eval(expression, self.names))  # noqa: S307 - a row of this file


def attempt(function: Any, *args: Any) -> Any:
    """Return the result of a call, or the name of the error that it raises."""
    try:
        return function(*args)
    except Exception as error:  # noqa: BLE001 - whichever it is
        return f"raised {type(error).__name__}"


def pycognitos(row: Row, key: RSAKey, patch: pytest.MonkeyPatch, shared: dict[str, Any]) -> Side:
    """Return the left column, ready to run."""
    side = Side(row, key, shared)
    pool = side.pool
    user = pycognito.Cognito(
        pool.pool_id, pool.client_id, username="ada", session=SimpleNamespace(client=lambda *_, **__: side.client)
    )
    user.pool_jwk = pool.jwks()

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(hours=2)

    def later() -> None:
        moved = SimpleNamespace(datetime=Later, timedelta=timedelta)
        patch.setattr(pycognito, "datetime", moved)

    side.names |= {
        "user": user, "later": later, "now": side.names["now"],
        "srp": AWSSRP("ada", PASSWORD, pool.pool_id, pool.client_id, client=side.client),
    }  # fmt: skip
    if row.signed_in:
        user.authenticate(PASSWORD)
        side.names |= {"token": user.access_token}
    side.run(row.before[0])
    return side


def ours(row: Row, key: RSAKey, shared: dict[str, Any]) -> Side:
    """Return the right column, ready to run."""
    side = Side(row, key, shared)
    pool = side.pool
    cognito = Cognito(side.client, client_id=pool.client_id, pool_id=pool.pool_id)
    verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks())
    side.names |= {"cognito": cognito, "verifier": verifier, "UserSrpAuth": UserSrpAuth}
    if row.signed_in:
        flow = cognito.sign_in("ada", PASSWORD)
        assert flow.tokens is not None
        side.names |= {"flow": flow, "tokens": flow.tokens}
        side.names |= {"token": flow.tokens.access_token.reveal()}
    side.run(row.before[1])
    return side


@pytest.mark.parametrize("name", ROWS)
def test_both_columns_have_the_same_effect(name: str, signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both columns of a row have the same effect, and it differs from the state before."""
    row, (left, right) = ROWS[name], TABLE[name]
    sides, shared = [], dict[str, Any]()
    if name not in POSTS_TO_AWS:
        sides.append((pycognitos(row, signing_key, monkeypatch, shared), left, row.by_column[0]))
    after = []
    for column in ("left", "right"):
        if column == "left" and not sides:
            continue
        if column == "right":
            sides.append((ours(row, signing_key, shared), right, row.by_column[1]))
        side, code, value = sides[-1]
        before = side.see(value)
        side.run(code)
        side.names["ran"] = True
        after.append(side.see(value))
        assert after[-1] != before, (column, before)
        assert not str(after[-1]).startswith("raised") or "accepted" in value, after[-1]

    assert after[0] == after[-1]
