"""The state file.

Everything that was acknowledged survives the end of the process; other files are refused.
"""

from __future__ import annotations

import inspect
import json
import re
import secrets
import signal
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, evolve, fields, has
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from kill_server import AcknowledgedRequests, kill_under_load
from local_servers import CLIENT_ID, PASSWORD, TARGET, ServerProcess, serve_in_process

from authfsm import srp
from authfsm.base.secret import revealed
from authfsm.cli import app
from authfsm.local import LocalPool, ManualClock, Triggers
from authfsm.local.api.region import StateFileError
from authfsm.local.config.descriptions import pool_description
from authfsm.local.config.pool_configuration import WebAuthnConfiguration
from authfsm.local.config.schema import SchemaAttribute
from authfsm.local.server import records
from authfsm.local.server.config import ConfigError, ServerConfig, config_template, parse_config, read_config
from authfsm.local.server.page import outbox_data, page_data
from authfsm.local.server.records import RecordSerializer
from authfsm.local.server.service import Log, Service, open_service
from authfsm.local.server.state_file import APPLICATION_ID, StateFile
from authfsm.local.state.users import User
from authfsm.protocol.states import State

if sys.platform.startswith("linux"):
    import resource

URL = "http://127.0.0.1:9229"
USERS: list[dict[str, Any]] = [
    {"username": "ada", "password": PASSWORD},
    {"username": "sam", "password": PASSWORD, "phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"},
    {"username": "eve", "password": PASSWORD, "email": "eve@example.com", "preferred_mfa": "EMAIL_OTP"},
    {"username": "new", "password": PASSWORD, "temporary": True},
    {"username": "tom", "password": PASSWORD, "totp_secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"},
]  # fmt: skip
CONFIG: dict[str, Any] = {"mfa": "OPTIONAL", "device": {}, "users": USERS}


class StoredPool:
    """A service with a state file that can be killed and opened again."""

    def __init__(self, path: Path, config: dict[str, Any] = CONFIG) -> None:
        self.path = path
        self.config = config
        self.file: StateFile | None = None
        self.service = self.begin()

    def begin(self) -> Service:
        """Open the file again, without the state in memory."""
        if self.file is not None:
            self.file.close()
        self.file = StateFile(self.path)
        settings = {name: value for name, value in self.config.items() if name != "key"}
        config = parse_config(settings)
        if "key" in self.config:  # making one takes longer than a test
            config = evolve(config, settings={**config.settings, "key": self.config["key"]})
        self.log = StringIO()
        self.service = open_service(config, URL, Log(self.log), self.file)
        return self.service

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call an operation."""
        answered = self.service.exchange(TARGET + operation, json.dumps(request).encode(), "AWS4")
        reply: dict[str, Any] = json.loads(answered.body)
        return reply

    def begin_sign_in(self, flow: str, **parameters: str) -> dict[str, Any]:
        """Send InitiateAuth."""
        return self.call("InitiateAuth", ClientId=CLIENT_ID, AuthFlow=flow, AuthParameters=parameters)

    def password(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        """Send USER_PASSWORD_AUTH."""
        return self.begin_sign_in("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=password)

    def answer(self, reply: dict[str, Any], **responses: str) -> dict[str, Any]:
        """Answer the challenge of a reply."""
        return self.call(
            "RespondToAuthChallenge",
            ClientId=CLIENT_ID,
            ChallengeName=reply["ChallengeName"],
            Session=reply.get("Session"),
            ChallengeResponses=responses,
        )


@pytest.fixture(scope="module", autouse=True)
def one_serializer() -> Iterator[None]:
    """Share one serializer among all stores, because creating one takes longer than most tests."""
    shared = records.RecordSerializer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "RecordSerializer", lambda: shared)
        yield


@pytest.fixture
def stored_pool(tmp_path: Path) -> Iterator[StoredPool]:
    """A pool with a state file."""
    stored_pool = StoredPool(tmp_path / "pool.db")
    yield stored_pool
    assert stored_pool.file is not None
    stored_pool.file.close()


def contents(pool: LocalPool) -> Any:
    """Return everything in a pool as plain values."""
    core = pool._core  # what this file is about

    def there(user: User | None) -> bool:
        return user is None or core.users.by_username(user.username) is user

    def plain(value: Any) -> Any:
        if has(type(value)):
            fields = asdict(value, recurse=False).items()
            return {"": type(value).__name__, **{name: plain(each) for name, each in fields if not callable(each)}}
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, (set, frozenset)):
            return sorted(map(str, value))
        if isinstance(value, (list, tuple)):
            return [plain(each) for each in value]
        return revealed(value)

    parts = {
        "users": list(core.users),
        # Of users who were deleted there is nothing left to tell.
        "legs": [pending for pending in core.sessions._by_session.values() if there(pending.attempt.user)],
        "families": [family for family in core.token_issuer._families.values() if there(family.user)],
        "outbox": list(core.outbox),
        "clients": core.clients,
        "session configurations": core.session_configurations,
        "records": core.records.of_kind("group"),
        "settings": pool_description(core.configuration),
        "seed": core.seed,
        "key": core.token_issuer.key.jwk.as_dict(private=True),
    }
    return plain(parts)


class TestRestart:
    def test_user_sessions(self, stored_pool: StoredPool) -> None:
        """The session configuration and the sessions of users are as before the restart."""
        pool = {"UserPoolId": stored_pool.service.pool.pool_id}
        stored_pool.call(
            "SetUserPoolSessionConfiguration", **pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 2}
        )
        tokens = [stored_pool.password("ada")["AuthenticationResult"] for _ in range(2)]
        sessions = stored_pool.call("ListUserSessions", AccessToken=tokens[0]["AccessToken"])
        stored_pool.begin()

        assert stored_pool.call("ListUserSessions", AccessToken=tokens[0]["AccessToken"]) == sessions
        assert len(sessions["Sessions"]) == 2
        stored_pool.password("ada")
        assert len(stored_pool.call("AdminListUserSessions", **pool, Username="ada")["Sessions"]) == 2

    def test_session(self, stored_pool: StoredPool) -> None:
        """A code that was sent before the restart is accepted after it."""
        reply = stored_pool.password("sam")
        stored_pool.begin()
        code = stored_pool.service.pool.outbox.code_for("sam")

        assert "AuthenticationResult" in stored_pool.answer(reply, USERNAME="sam", SMS_MFA_CODE=code)

    def test_used_session(self, stored_pool: StoredPool) -> None:
        """A session that was used stays invalid."""
        reply = stored_pool.password("sam")
        code = stored_pool.service.pool.outbox.code_for("sam")
        stored_pool.answer(reply, USERNAME="sam", SMS_MFA_CODE=code)
        stored_pool.begin()

        assert "only be used once" in stored_pool.answer(reply, USERNAME="sam", SMS_MFA_CODE=code)["message"]

    def test_srp_proof(self, stored_pool: StoredPool) -> None:
        """An SRP proof that began before the restart can be completed after it."""
        mine = srp.ephemeral(secrets.token_bytes(32))
        reply = stored_pool.begin_sign_in("USER_SRP_AUTH", USERNAME="ada", SRP_A=mine.SRP_A)
        parameters, pool = reply["ChallengeParameters"], stored_pool.begin().pool
        timestamp = srp.timestamp(pool.clock())
        claim = srp.claim_signature(
            mine,
            realm=srp.pool_name(pool.pool_id),
            name="ada",
            password=PASSWORD,
            salt=srp.from_hex(parameters["SALT"], "SALT"),
            B=srp.from_hex(parameters["SRP_B"], "SRP_B"),
            secret_block=parameters["SECRET_BLOCK"],
            timestamp=timestamp,
        )
        final_reply = stored_pool.answer(
            reply,
            USERNAME="ada",
            PASSWORD_CLAIM_SECRET_BLOCK=parameters["SECRET_BLOCK"],
            PASSWORD_CLAIM_SIGNATURE=claim,
            TIMESTAMP=timestamp,
        )

        assert "AuthenticationResult" in final_reply

    def test_tokens(self, stored_pool: StoredPool) -> None:
        """After a restart tokens are as valid as before, and the keys are the same."""
        one = stored_pool.password("ada")["AuthenticationResult"]
        other = stored_pool.password("ada")["AuthenticationResult"]
        stored_pool.call("RevokeToken", Token=other["RefreshToken"], ClientId=CLIENT_ID)
        keys = stored_pool.service.pool.jwks()
        stored_pool.begin()

        assert stored_pool.service.pool.jwks() == keys
        assert stored_pool.call("GetUser", AccessToken=one["AccessToken"])["Username"] == "ada"
        refreshed, revoked = (
            stored_pool.begin_sign_in(
                "REFRESH_TOKEN_AUTH",
                REFRESH_TOKEN=each["RefreshToken"],
                DEVICE_KEY=each["NewDeviceMetadata"]["DeviceKey"],
            )
            for each in (one, other)
        )
        assert "AuthenticationResult" in refreshed
        assert revoked["message"] == "Refresh Token has been revoked"

    def test_rotation(self, tmp_path: Path) -> None:
        """A refresh token that was replaced stays invalid."""
        rotating = {"users": USERS[:1], "refresh_token_rotation": {"retry_grace_period_seconds": 0}}
        stored_pool = StoredPool(tmp_path / "pool.db", rotating)
        first = stored_pool.password("ada")["AuthenticationResult"]["RefreshToken"]
        second = stored_pool.call("GetTokensFromRefreshToken", RefreshToken=first, ClientId=CLIENT_ID)
        stored_pool.begin()
        again = stored_pool.call("GetTokensFromRefreshToken", RefreshToken=first, ClientId=CLIENT_ID)
        newest = second["AuthenticationResult"]["RefreshToken"]
        third = stored_pool.call("GetTokensFromRefreshToken", RefreshToken=newest, ClientId=CLIENT_ID)

        assert again["__type"] == "RefreshTokenReuseException"
        assert "AuthenticationResult" in third
        assert stored_pool.file is not None
        stored_pool.file.close()

    def test_devices(self, stored_pool: StoredPool) -> None:
        """A confirmed device is known after the restart."""
        result = stored_pool.password("ada")["AuthenticationResult"]
        device = result["NewDeviceMetadata"]
        stored_pool.call(
            "ConfirmDevice",
            AccessToken=result["AccessToken"],
            DeviceKey=device["DeviceKey"],
            DeviceSecretVerifierConfig={"Salt": "AQ==", "PasswordVerifier": "Ag=="},
        )
        stored_pool.begin()
        reply = stored_pool.begin_sign_in(
            "USER_PASSWORD_AUTH", USERNAME="ada", PASSWORD=PASSWORD, DEVICE_KEY=device["DeviceKey"]
        )

        assert reply["ChallengeName"] == "DEVICE_SRP_AUTH"

    def test_lock_out(self, stored_pool: StoredPool) -> None:
        """A lock-out survives a restart."""
        for _ in range(5):
            stored_pool.password("ada", "wrong")
            stored_pool.begin()

        assert stored_pool.password("ada")["message"] == "Password attempts exceeded"

    def test_deleted_user(self, stored_pool: StoredPool) -> None:
        """A deleted user's sessions stay invalid; the configuration creates its users anew."""
        pool = stored_pool.service.pool.pool_id
        user = stored_pool.call("AdminCreateUser", UserPoolId=pool, Username="gone", TemporaryPassword=PASSWORD)
        assert user["User"]["Username"] == "gone"
        stored_pool.password("gone")
        stored_pool.begin()
        stored_pool.call("AdminDeleteUser", UserPoolId=pool, Username="gone")
        stored_pool.begin()

        reply = stored_pool.call("AdminGetUser", UserPoolId=pool, Username="gone")
        assert reply["__type"] == "UserNotFoundException"

    def test_simulated_salt(self, stored_pool: StoredPool) -> None:
        """The simulated salt of an unknown name survives, since a change would reveal it."""
        salts = set()
        for _ in range(2):
            mine = srp.ephemeral(secrets.token_bytes(32))
            reply = stored_pool.begin_sign_in("USER_SRP_AUTH", USERNAME="nobody", SRP_A=mine.SRP_A)
            salts.add(reply["ChallengeParameters"]["SALT"])
            stored_pool.begin()

        assert len(salts) == 1

    def test_client_secret(self, tmp_path: Path) -> None:
        """A random secret survives; a configured one is that of the configuration."""
        path = tmp_path / "pool.db"
        numbers = []
        for config in ({"client_secret": True}, {"client_secret": True}, {"client_secret": "named"}):
            stored_pool = StoredPool(path, config)
            secret = stored_pool.service.pool.client_secret
            assert secret is not None
            numbers.append(secret.reveal())
            assert stored_pool.file is not None
            stored_pool.file.close()

        assert numbers[0] == numbers[1] != numbers[2] == "named"

    def test_outbox(self, stored_pool: StoredPool) -> None:
        """The file has the last thousand messages, as the outbox does."""
        for _ in range(3):
            stored_pool.password("sam")
        before = list(stored_pool.service.pool.outbox)
        stored_pool.begin()

        assert list(stored_pool.service.pool.outbox) == before


class RandomClient:
    """A client that calls operations in any order."""

    def __init__(self, stored_pool: StoredPool) -> None:
        self.stored = stored_pool
        self.reply: dict[str, Any] = {"ChallengeName": "-", "Session": "-"}
        self.tokens: dict[str, Any] = {}

    def step(self, name: str, user: str) -> None:
        """Call one operation."""
        reply = self.requests(user)[name]()
        self.reply = reply if "ChallengeName" in reply else self.reply
        self.tokens = reply.get("AuthenticationResult") or self.tokens

    def requests(self, user: str) -> dict[str, Callable[[], dict[str, Any]]]:
        """Return the requests that it may send."""
        stored_pool, call = self.stored, self.stored.call
        access, refresh = self.tokens.get("AccessToken", "-"), self.tokens.get("RefreshToken", "-")
        admin: Any = {"UserPoolId": stored_pool.service.pool.pool_id, "Username": user}
        client: Any = {"ClientId": CLIENT_ID}
        device: Any = {
            "DeviceKey": self.tokens.get("NewDeviceMetadata", {}).get("DeviceKey", "-"),
            "DeviceSecretVerifierConfig": {"Salt": "AQ==", "PasswordVerifier": "Ag=="},
        }
        chosen = {"Enabled": True, "PreferredMfa": True}
        email = [{"Name": "email", "Value": "other@example.com"}]
        outbox = stored_pool.service.pool.outbox
        code = outbox[-1].code.reveal() if len(outbox) else "-"
        key = f"{self.reply['ChallengeName']}_CODE"
        mine = srp.ephemeral(secrets.token_bytes(32)).SRP_A
        new = f"{PASSWORD}!"
        return {
            "password": lambda: stored_pool.password(user),
            "wrong": lambda: stored_pool.password(user, "wrong"),
            "srp": lambda: stored_pool.begin_sign_in("USER_SRP_AUTH", USERNAME=user, SRP_A=mine),
            "choose": lambda: stored_pool.begin_sign_in("USER_AUTH", USERNAME=user),
            "code": lambda: stored_pool.answer(self.reply, USERNAME=user, **{key: code}),
            "wrong code": lambda: stored_pool.answer(self.reply, USERNAME=user, **{key: "0"}),
            "new password": lambda: stored_pool.answer(self.reply, USERNAME=user, NEW_PASSWORD=new),
            "refresh": lambda: stored_pool.begin_sign_in("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=refresh),
            "sign out": lambda: call("GlobalSignOut", AccessToken=access),
            "revoke": lambda: call("RevokeToken", Token=refresh, **client),
            "device": lambda: call("ConfirmDevice", AccessToken=access, **device),
            "create": lambda: call("AdminCreateUser", **admin, TemporaryPassword=PASSWORD),
            "delete": lambda: call("AdminDeleteUser", **admin),
            "disable": lambda: call("AdminDisableUser", **admin),
            "enable": lambda: call("AdminEnableUser", **admin),
            "prefer": lambda: call("AdminSetUserMFAPreference", **admin, SMSMfaSettings=chosen),
            "associate": lambda: call("AssociateSoftwareToken", AccessToken=access),
            "passkey": lambda: call("StartWebAuthnRegistration", AccessToken=access),
            "sign up": lambda: call("SignUp", **client, Username=f"{user}2", Password=PASSWORD),
            "forgot": lambda: call("ForgotPassword", **client, Username=user),
            "group": lambda: call("CreateGroup", **POOL, GroupName=user, Precedence=1),
            "join": lambda: call("AdminAddUserToGroup", **admin, GroupName=user),
            "ungroup": lambda: call("DeleteGroup", **POOL, GroupName=user),
            "custom": lambda: call(
                "AddCustomAttributes", **POOL, CustomAttributes=[{"Name": user, "AttributeDataType": "String"}]
            ),
            "attributes": lambda: call("UpdateUserAttributes", AccessToken=access, UserAttributes=email),
        }


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["password", "wrong", "srp", "choose", "code", "wrong code", "new password", "refresh",
             "sign out", "revoke", "device", "create", "delete", "disable", "enable", "prefer",
             "associate", "passkey", "sign up", "forgot", "attributes", "group", "join", "ungroup", "custom"],
        ),
        st.sampled_from([user["username"] for user in USERS]),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_file_equals_memory(
    tmp_path_factory: pytest.TempPathFactory, signing_key: RSAKey, steps: list[tuple[str, str]]
) -> None:
    """After any operations, the records in the file equal those in memory."""
    stored_pool = StoredPool(tmp_path_factory.mktemp("state") / "pool.db", {**CONFIG, "key": signing_key})
    # A user of the configuration who was deleted would be made again.
    stored_pool.config = {**stored_pool.config, "users": []}
    wanderer = RandomClient(stored_pool)
    for step, user in steps:
        wanderer.step(step, user)
        before = contents(stored_pool.service.pool)
        assert contents(stored_pool.begin().pool) == before
    assert stored_pool.file is not None
    stored_pool.file.close()


def test_every_attribute_is_accounted_for() -> None:
    """Every attribute of the pool is stored, derived from settings, or not needed."""
    core = LocalPool()._core
    stored_pool = {
        "clients", "users", "_by_name", "sessions", "_by_session", "token_issuer", "_families", "_key",
        "outbox", "_messages", "seed", "elapsed", "session_configurations", "records",
    }  # fmt: skip
    made_of_them = {"_by_alias", "_by_other_key", "_by_refresh_token", "_families_with_session"}
    settings_ = {
        "configuration", "realm", "_aliases", "_case_sensitive",
        "_username_attributes",
    }  # fmt: skip
    of_the_process = {"clock", "_clock", "entropy", "_entropy", "_listener", "_find"}
    of_no_account = {
        "accepted",
        "operation",
        "_simulated_verifier",
        "requests",
        "last_answered",
        "response",
        "_key_lock",
        "_unknown_name_accounts",
    }  # what the process accepted; random; within one operation; a lock; calls for unknown names

    classes = {
        name for part in (core, core.users, core.sessions, core.token_issuer, core.outbox) for name in vars(part)
    }
    assert classes == stored_pool | made_of_them | settings_ | of_the_process | of_no_account


class TestRefusedFiles:
    def test_file_in_use(self, stored_pool: StoredPool) -> None:
        """Two processes cannot use one file."""
        with pytest.raises(StateFileError, match="is in use by another process"):
            StateFile(stored_pool.path)

    def test_only_the_owner_can_read(self, tmp_path: Path) -> None:
        """The file and its log are created for their owner only, and other permissions are removed."""
        path = tmp_path / "pool.db"
        path.touch(0o644)
        path.chmod(0o644)
        stored_pool = StoredPool(path)
        modes = {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
        assert stored_pool.file is not None
        stored_pool.file.close()

        assert modes == {0o600}

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"not a database, but long enough to be looked at by SQLite" * 20, "is not a state file"),
            (b"{}", "is not a state file"),
        ],
    )
    def test_not_a_database(self, tmp_path: Path, content: bytes, why: str) -> None:
        """Another kind of file is refused and not changed."""
        path = tmp_path / "notes.txt"
        path.write_bytes(content)

        with pytest.raises(StateFileError, match=why):
            StateFile(path)
        assert path.read_bytes() == content

    def test_overwritten_pages(self, tmp_path: Path) -> None:
        """A database with overwritten pages is a StateFileError when its pools are listed."""
        path = tmp_path / "pool.db"
        file = StateFile(path)
        file.write("eu-west-1_a", [("user", str(number), "x" * 100) for number in range(500)])
        file.close()
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))

        with closing(StateFile(path)) as damaged, pytest.raises(StateFileError, match="cannot be read: "):
            damaged.pools()

    def test_another_programs_database(self, tmp_path: Path) -> None:
        """Another program's database is refused."""
        path = tmp_path / "other.db"
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE notes (text)")
        other.close()

        with pytest.raises(StateFileError, match="is another program's database"):
            StateFile(path)

    @pytest.mark.parametrize(("version", "why"), [(99, "newer version"), (1, "older version")])
    def test_other_versions(self, tmp_path: Path, version: int, why: str) -> None:
        """A file of another version is refused."""
        path = tmp_path / "pool.db"
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE records (text)")
        other.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        other.execute(f"PRAGMA user_version = {version}")
        other.close()

        with pytest.raises(StateFileError, match=why):
            StateFile(path)

    def test_file_of_another_pool(self, tmp_path: Path) -> None:
        """Passwords are bound to the pool's id: the file of another pool is refused."""
        path = tmp_path / "pool.db"
        stored_pool = StoredPool(path)
        assert stored_pool.file is not None
        stored_pool.file.close()

        with pytest.raises(StateFileError, match="belongs to the pool eu-west-1_LocalPool, not to"):
            StoredPool(path, {"pool_id": "eu-west-1_Other"})

    def test_damaged_file(self, tmp_path: Path) -> None:
        """The error about a damaged file contains none of its secrets."""
        path = tmp_path / "pool.db"
        stored_pool = StoredPool(path)
        assert stored_pool.file is not None
        stored_pool.file.close()
        inside = sqlite3.connect(path)
        inside.execute("UPDATE records SET body = '{\"hunter2\": 1}' WHERE kind = 'user'")
        inside.commit()
        inside.close()

        with pytest.raises(StateFileError, match="damaged") as caught:
            StoredPool(path)
        assert "hunter2" not in repr(caught.value) + str(caught.value.__cause__)

    @pytest.mark.parametrize(
        ("key", "body", "what"),
        [
            ("key", "{}", "the signing key"),
            ("key", "null", "the signing key"),
            pytest.param("key", "[" * 100_000, "the signing key", id="nested too deeply"),
        ],
    )
    def test_damaged_property(self, tmp_path: Path, signing_key: RSAKey, key: str, body: str, what: str) -> None:
        """A property of a type or shape that the server does not write is a StateFileError."""
        path = tmp_path / "pool.db"
        stored_pool = StoredPool(path, CONFIG | {"key": signing_key})
        stored_pool.call("AdminDisableUser", UserPoolId=stored_pool.service.pool.pool_id, Username="ada")
        assert stored_pool.file is not None
        stored_pool.file.close()
        with closing(sqlite3.connect(path)) as inside, inside:
            changed = inside.execute("UPDATE records SET body = ? WHERE kind = 'property' AND key = ?", (body, key))
            assert changed.rowcount == 1

        with pytest.raises(StateFileError, match=f"is damaged: {what} of the pool eu-west-1_LocalPool cannot be read"):
            StoredPool(path)

    def test_a_damaged_pool_beside_others(self, tmp_path: Path) -> None:
        """Requests for a damaged pool are refused with its name.

        All others work, and the log has the reason.
        """
        path = tmp_path / "pool.db"
        stored_pool = StoredPool(path)
        good, bad = (stored_pool.call("CreateUserPool", PoolName=each)["UserPool"]["Id"] for each in ("good", "bad"))
        user = {"Username": "ada", "TemporaryPassword": PASSWORD}
        stored_pool.call("AdminCreateUser", UserPoolId=bad, **user)
        assert stored_pool.file is not None
        stored_pool.file.close()
        with closing(sqlite3.connect(path)) as inside, inside:
            changed = "UPDATE records SET body = '{\"hunter2\": 1}' WHERE kind = 'user' AND pool = ?"
            inside.execute(changed, (bad,))
        stored_pool = StoredPool(path)
        log = stored_pool.log

        for _ in range(2):
            reply = stored_pool.call("ListUsers", UserPoolId=bad)
            assert reply["__type"] == "InternalErrorException"
            assert f"User 1 of the pool {bad} cannot be read; restore the file" in reply["message"]
        assert stored_pool.call("AdminCreateUser", UserPoolId=good, **user)["User"]["Username"] == "ada"
        pools = stored_pool.call("ListUserPools", MaxResults=60)["UserPools"]
        assert [each["Id"] for each in pools] == [stored_pool.service.pool.pool_id, good]
        assert (page_data(stored_pool.service)["unreadable"], outbox_data(stored_pool.service, "ada")) == (1, [])
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        assert {each["pool"] for each in lines if each["event"] == "pool not read"} == {bad}
        assert "hunter2" not in log.getvalue() + str(reply)
        assert stored_pool.file is not None
        stored_pool.file.close()

    @pytest.mark.parametrize("path", ["/nowhere/at/all/pool.db", "/"])
    def test_path_without_a_file(self, path: str) -> None:
        """A path where no file can be created is refused."""
        with pytest.raises(StateFileError, match="cannot be opened"):
            StateFile(Path(path))


def test_names_that_utf_8_cannot_encode(tmp_path: Path) -> None:
    """Names with a lone surrogate, which JSON can contain, are stored like others."""
    config: dict[str, Any] = {"users": [{"username": "x\ud800"}], "accept": ["all"]}
    stored_pool = StoredPool(tmp_path / "pool.db", config)
    pool_id = stored_pool.service.pool.pool_id
    group = stored_pool.call("CreateGroup", UserPoolId=pool_id, GroupName="y\ud800")["Group"]
    stored_pool.call("DeleteGroup", UserPoolId=pool_id, GroupName="y\ud800")
    stored_pool.call("CreateGroup", UserPoolId=pool_id, GroupName="y\ud801")
    service = stored_pool.begin()

    assert group["GroupName"] == "y\ud800"
    assert service.pool.user("x\ud800").username == "x\ud800"
    groups = stored_pool.call("ListGroups", UserPoolId=pool_id)["Groups"]
    assert [each["GroupName"] for each in groups] == ["y\ud801"]
    assert stored_pool.file is not None
    stored_pool.file.close()


def test_the_page_has_the_last_steps_of_a_long_sign_in(signing_key: RSAKey) -> None:
    """After more steps than are tracked, the page shows the present state and the number of all steps."""

    def define(event: dict[str, Any]) -> dict[str, Any]:
        issues = len(event["request"]["session"]) > 110
        event["response"] = {"issueTokens": issues, "challengeName": None if issues else "CUSTOM_CHALLENGE"}
        return event

    def verify(event: dict[str, Any]) -> dict[str, Any]:
        event["response"] = {"answerCorrect": True}
        return event

    triggers = Triggers(define=define, create=lambda event: event, verify=verify)
    pool = LocalPool(key=signing_key, triggers=triggers)
    pool.add_user("ada", PASSWORD)
    service = Service(pool, Log(StringIO()))
    call = partial(service.exchange, authorization="AWS4")
    begin = {"ClientId": pool.client_id, "AuthFlow": "CUSTOM_AUTH", "AuthParameters": {"USERNAME": "ada"}}
    reply = json.loads(call(f"{TARGET}InitiateAuth", json.dumps(begin).encode()).body)
    while "Session" in reply:
        responses = {"USERNAME": "ada", "ANSWER": "x"}
        answer = {"ClientId": pool.client_id, **reply, "ChallengeResponses": responses}
        reply = json.loads(call(f"{TARGET}RespondToAuthChallenge", json.dumps(answer).encode()).body)

    (shown,) = page_data(service)["signIns"]
    assert (shown["state"], shown["steps"]) == ("AUTHENTICATED", 112)
    tracked = service.tracker.get(1)
    assert tracked is not None
    assert [each.number for each in tracked.steps] == [*range(13, 113)]


def test_a_sign_in_has_no_step_after_its_session_has_expired(signing_key: RSAKey) -> None:
    """The first answer in an expired session is the sign-in's last step: no transition leaves FAILED."""
    clock = ManualClock()
    pool = LocalPool(key=signing_key, mfa="ON", mfa_methods=["SMS_MFA"], clock=clock)
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    service = Service(pool, Log(StringIO()))

    def call(operation: str, **request: Any) -> Any:
        body = json.dumps({"ClientId": pool.client_id, **request}).encode()
        return json.loads(service.exchange(f"{TARGET}{operation}", body).body)

    begin = {"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD}}
    challenge = call("InitiateAuth", **begin)
    clock.advance(240)
    answer = {"ChallengeResponses": {"USERNAME": "ada", "SMS_MFA_CODE": "123456"}}
    codes = [call("RespondToAuthChallenge", **challenge, **answer)["__type"] for _ in range(3)]

    assert codes == ["NotAuthorizedException"] * 3
    (tracked,) = service.tracker
    assert [(each.source, each.dest) for each in tracked.steps] == [("START", "SMS_MFA"), ("SMS_MFA", "FAILED")]


def test_change_of_the_app_client_survives(stored_pool: StoredPool) -> None:
    """A change by UpdateUserPoolClient survives a restart, until the configuration changes."""
    pool = {"UserPoolId": stored_pool.service.pool.pool_id, "ClientId": CLIENT_ID}
    other = stored_pool.call("CreateUserPoolClient", UserPoolId=pool["UserPoolId"], ClientName="other")
    stored_pool.call("UpdateUserPoolClient", **pool, AuthSessionValidity=15)
    stored_pool.begin()
    changed = stored_pool.service.pool.app_client.auth_session_validity
    stored_pool.config = {**stored_pool.config, "auth_session_validity": 9}
    stored_pool.begin()
    configured = stored_pool.service.pool.app_client.auth_session_validity
    clients = stored_pool.call("ListUserPoolClients", UserPoolId=pool["UserPoolId"])["UserPoolClients"]

    assert (changed, configured) == (15, 9)
    assert {each["ClientId"] for each in clients} == {CLIENT_ID, other["UserPoolClient"]["ClientId"]}


def test_described_pool() -> None:
    """Descriptions of a real pool and users in the shape of ListUsers make the pool."""
    config = parse_config(
        {
            "UserPool": {"Id": "eu-west-1_Real", "MfaConfiguration": "OPTIONAL"},
            "UserPoolClient": {"UserPoolClient": {"ClientId": "real", "AuthSessionValidity": 5}},
            "MfaConfig": {"SoftwareTokenMfaConfiguration": {"Enabled": True}},
            "Users": [
                {
                    "Username": "ada",
                    "Password": PASSWORD,
                    "Attributes": [{"Name": "email", "Value": "ada@example.com"}],
                    "UserStatus": "FORCE_CHANGE_PASSWORD",
                    "Enabled": True,
                }
            ],
            "auth_session_validity": 7,
        }
    )
    pool = config.pool()
    config.add_users(pool)

    assert (pool.pool_id, pool.client_id) == ("eu-west-1_Real", "real")
    assert pool.app_client.auth_session_validity == 7
    assert pool.configuration.mfa_methods == (State.SOFTWARE_TOKEN_MFA,)
    assert pool.user("ada").status == "FORCE_CHANGE_PASSWORD"
    assert pool.user("ada").attributes["email"] == "ada@example.com"


def test_described_event_version() -> None:
    """The description's LambdaVersion holds for a trigger of the configuration."""
    trigger = {"LambdaVersion": "V2_0", "LambdaArn": "arn:aws:lambda:eu-west-1:0:function:f"}
    config = parse_config(
        {
            "UserPool": {"LambdaConfig": {"PreTokenGenerationConfig": trigger}},
            "triggers": {"pre_token_generation": "json:loads"},
        }
    )

    assert config.settings["triggers"].pre_token_generation_version == "V2_0"


def test_existing_user_stays(stored_pool: StoredPool) -> None:
    """An existing user keeps the password that was set since the last start."""
    pool = stored_pool.service.pool.pool_id
    stored_pool.call("AdminSetUserPassword", UserPoolId=pool, Username="ada", Password="Another-1!", Permanent=True)
    stored_pool.begin()

    assert "AuthenticationResult" in stored_pool.password("ada", "Another-1!")


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ({"colour": "red"}, "has no setting colour"),
        ({"preferred_mfa": "SMS_MFA"}, "is invalid: ada has no address or secret for SMS_MFA"),
        ({"status": "hunter2"}, "is invalid: ValueError"),  # whose message has the text that is also the password
    ],
)
def test_invalid_user(tmp_path: Path, field: dict[str, str], why: str) -> None:
    """The message names an invalid user and the reason, but not the password."""
    config = {"users": [{"username": "ada", "password": "hunter2", **field}]}

    with pytest.raises(ConfigError, match=f"user ada {why}") as caught:
        StoredPool(tmp_path / "pool.db", config)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"auth_session_validity": "3"}, "auth_session_validity must be a whole number, not of type str"),
        ({"pool_id": 5}, "pool_id must be text"),
        ({"mfa_methods": "SMS_MFA"}, "mfa_methods must be a list of text, not of type str"),
        ({"client_secret": 5}, "client_secret must be true, false or text"),
        ({"schema": 5}, "schema must be a list of attributes"),
        ({"webauthn": {}}, "webauthn needs relying_party_id"),
        ({"password_policy": {"minimum_length": "8"}}, "password_policy.minimum_length must be a whole"),
        ({"open": "yes"}, "open must be true or false"),
        ({"users": [{"username": "a", "password": 5}]}, "user a: password must be text"),
        ({"users": [{"username": "a", "mfa": ["SMS"]}]}, "user a: mfa and preferred_mfa can have only SMS_MFA"),
        ({"users": [{"username": "a", "status": "NEW"}]}, "status cannot have NEW; it can have UNCONFIRMED"),
        ({"Users": [{"Username": "g_1", "UserStatus": "EXTERNAL_PROVIDER"}]}, "user g_1 is a federated user"),
        ({"Users": [{"Username": "a", "Attributes": 5}]}, "user a: Attributes must be a list of Name"),
        ({"users": [{"username": "a"}, 5]}, "user 2 must be a table, not of type int"),
        ({"users": [{"username": "a"}, {"username": "a"}]}, "user 2, a, occurs twice"),
        ({"users": [{"username": "a", "attributes": {"emial": "x"}}]}, "attributes cannot have emial; it can have"),
        ({"users": [{"username": "a", "attributes": {"email": 5}}]}, "a table of text: email is of type int"),
        ({"allow_host": [7]}, "allow_host must be a list of text: item 0 is of type int"),
        ({"aliases": ["mail"]}, "aliases cannot have mail; it can have email, phone_number, preferred_username"),
        ({"aliases": ["email", "email"]}, "aliases has email twice"),
        ({"username_attributes": ["name"]}, "username_attributes cannot have name; it can have email, phone"),
        ({"account_recovery": ["email"]}, "account_recovery cannot have email; it can have verified_email"),
        ({"auto_verified_attributes": ["sms"]}, "auto_verified_attributes cannot have sms; it can have email"),
        ({"verified_before_update": ["sms"]}, "verified_before_update cannot have sms; it can have email"),
        ({"required_attributes": ["mail"]}, "required_attributes cannot have mail; it can have sub, address"),
        ({"mfa_methods": ["SMS"]}, "mfa_methods cannot have SMS; it can have SMS_MFA"),
        ({"allowed_first_auth_factors": ["SMS"]}, "allowed_first_auth_factors cannot have SMS; it can have"),
        ({"explicit_auth_flows": ["SRP"]}, "explicit_auth_flows cannot have SRP; it can have"),
        ({"acr_values": {"Level9": {"AcrValue": "x"}}}, "acr_values cannot have Level9; it can have Level1"),
        ({"read_attributes": ["custom:x"]}, "Invalid read attributes specified while creating a client"),
        ({"schema": [{"name": "team"}]}, "schema cannot have team; it can have sub"),
        ({"schema": [{"name": "custom:a"}, {"name": "custom:a"}]}, "schema has custom:a twice"),
        ({"schema": [{"name": "custom:a", "data_type": "Text"}]}, "data_type must be one of String, Number, "),
        ({"device": {"color": True}}, "device cannot have color; it can have challenge_required_on_new_device"),
        ({"region": "us-east-1"}, "no setting region; the region is the one in pool_id; the settings are "),
        ({"contradictions": {"timestamp_tolerance": 1e300}}, "timestamp_tolerance must be a timedelta or a number"),
        ({"contradictions": {"timestamp_tolerance": True}}, "timestamp_tolerance must be a timedelta or a number"),
        ({"triggers": {"pre_token_generation_version": "V4_0"}}, "pre_token_generation_version must be one of V1_0, "),
        ({"users": [{"username": 5}]}, "user 1 has no username that is text"),
        ({"Users": [{"Username": "a", "Attributes": [{"Name": 5}]}]}, "user a: Attributes must be a list of Name"),
        ({"Users": [{"Username": "a", "verified": True}]}, "user a has the shape of ListUsers, which cannot have verified"),
        ({"Users": [{"Username": "a", "Attributes": [], "UserAttributes": []}]}, "a has no setting UserAttributes"),
    ],
)  # fmt: skip
def test_errors_of_a_configuration_name_the_field(config: dict[str, Any], why: str) -> None:
    """Each wrong value is a ConfigError that says which field it is and what it must be."""

    def serve() -> None:
        parsed_config = parse_config(config)
        parsed_config.add_users(parsed_config.pool())

    with pytest.raises(ConfigError, match=re.escape(why)):
        serve()


def test_the_printed_configuration(tmp_path: Path) -> None:
    """`serve --print-config` prints a valid file with every setting and its default."""
    text, file = config_template(), tmp_path / "pool.toml"
    ran = CliRunner().invoke(app, ["serve", "--print-config"])
    assert (ran.exit_code, ran.output) == (0, text)
    file.write_text(text, encoding="utf-8")
    printed, usual = read_config(file).pool(), ServerConfig().pool()
    assert (printed.configuration, printed.app_client) == (usual.configuration, usual.app_client)

    full_text = re.sub(r"^# (\[+\w+\]+|\w+ = (?!\.\.\.).*)$", r"\1", text, flags=re.MULTILINE)
    file.write_text(full_text.partition("[webauthn]")[0], encoding="utf-8")
    tables = {"device", "password_policy", "refresh_token_rotation", "contradictions", "triggers"}
    settings = read_config(file).settings
    assert {name: settings[name] for name in tables} == {name: type(settings[name])() for name in tables}

    assert re.findall(r"^(?:# )?\w+ \([^)]*\)$", text, re.MULTILINE) == []  # a setting without its meaning
    documented = set(re.findall(r"^(?:# )?(?:\[+)?(\w+)(?:\]| =)", text, re.MULTILINE))
    kinds = [WebAuthnConfiguration, SchemaAttribute, *(type(settings[name]) for name in tables)]
    parts = {each.name for kind in kinds for each in fields(kind)}
    arguments = inspect.signature(LocalPool.add_user).parameters.keys() - {"self"}
    with pytest.raises(ConfigError, match="no setting nothing") as caught:
        parse_config({"nothing": 1})
    settings_in_message = set(str(caught.value).partition("settings are ")[2].split(", "))
    assert (settings_in_message | parts | arguments) <= documented


def _sign_in_repeatedly(
    user: str, got: list[dict[str, Any]], web: ServerProcess, _name: str, stop: threading.Event
) -> None:
    while not stop.is_set():
        try:
            status, _, reply = web.password(user)
            if status == 200:
                got.append({"user": user, **reply})
        except (OSError, ValueError):
            return  # it was killed


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_kill(tmp_path: Path) -> None:
    """After a kill during forty sign-ins, everything that was acknowledged is there."""
    users = [{"username": f"u{n}", "password": PASSWORD} for n in range(8)]
    users += [{**user, "username": f"m{n}", "phone_number": f"+1555555{n:04}", "preferred_mfa": "SMS_MFA"}
              for n, user in enumerate(users)]  # fmt: skip
    config = {"mfa": "OPTIONAL", "device": {}, "users": users}
    state = str(tmp_path / "pool.db")
    got: list[dict[str, Any]] = []
    acknowledged = AcknowledgedRequests()
    with serve_in_process(tmp_path, config, "--state", state) as web:
        admin = {"UserPoolId": "eu-west-1_LocalPool"}
        web.call("AdminCreateUser", **admin, Username="made", TemporaryPassword=PASSWORD)
        device = web.password("u0")[2]["AuthenticationResult"]
        key = device["NewDeviceMetadata"]["DeviceKey"]
        web.call(
            "ConfirmDevice",
            AccessToken=device["AccessToken"],
            DeviceKey=key,
            DeviceSecretVerifierConfig={"Salt": "AQ==", "PasswordVerifier": "Ag=="},
        )
        for _ in range(3):
            acknowledged.add_pool(web)
        workers = [partial(_sign_in_repeatedly, user["username"], got) for user in users]
        kill_under_load(
            web, [*workers, *[acknowledged.work] * 4], "", lambda: len(got) >= 40 and acknowledged.sign_ins >= 5
        )

    with serve_in_process(tmp_path, config, "--state", state) as web:
        created_user = web.call("AdminGetUser", **admin, Username="made")[2]
        assert created_user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        acknowledged.check(web)
        assert web.password("u0", DEVICE_KEY=key)[2]["ChallengeName"] == "DEVICE_SRP_AUTH"
        codes: dict[str, list[str]] = {}
        for message in json.loads(web.ask("GET", "/outbox")[2])["messages"]:
            codes.setdefault(message["username"], []).append(message["code"])
        for each in got:
            if "AuthenticationResult" in each:
                refresh = {"REFRESH_TOKEN": each["AuthenticationResult"]["RefreshToken"],
                           "DEVICE_KEY": each["AuthenticationResult"]["NewDeviceMetadata"]["DeviceKey"]}  # fmt: skip
                answered, _, reply = web.call(
                    "InitiateAuth", ClientId=CLIENT_ID, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=refresh
                )
                assert answered == 200, reply
        running = {each["user"]: each for each in got if "ChallengeName" in each}
        assert running
        for user, each in running.items():
            statuses = [web.answer(each, USERNAME=user, SMS_MFA_CODE=code)[0] for code in codes[user][-3:]]
            assert 200 in statuses
        # Nobody is locked out by the wrong codes among these: three are tried at most.
        assert web.end() == 0
    assert Path(state).stat().st_size > 0


# ---- full disk -----------------------------------------------------------------------------------------


class FullDisk:
    """A connection to a file on a full disk: statements of one kind fail.

    Args:
        sql: the connection.
        at: how the statements that fail begin.
    """

    def __init__(self, sql: sqlite3.Connection, at: str) -> None:
        self._sql, self._at = sql, at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sql, name)

    def execute(self, statement: str, *parameters: Any) -> Any:
        """Execute a statement, or fail."""
        if statement.startswith(self._at):
            raise sqlite3.OperationalError("database or disk is full")
        return self._sql.execute(statement, *parameters)


POOL = {"UserPoolId": "eu-west-1_LocalPool"}
WRITES: dict[str, dict[str, Any]] = {
    "AdminCreateUser": {**POOL, "Username": "made", "TemporaryPassword": PASSWORD},
    "AdminSetUserPassword": {**POOL, "Username": "ada", "Password": "Another-1!", "Permanent": True},
    "AdminDeleteUser": {**POOL, "Username": "eve"},
    "AdminDisableUser": {**POOL, "Username": "sam"},
    "AdminUpdateUserAttributes": {
        **POOL, "Username": "ada",
        "UserAttributes": [{"Name": "email", "Value": "x@example.com"}, {"Name": "email_verified", "Value": "true"}],
    },
    "InitiateAuth": {
        "ClientId": CLIENT_ID, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": "sam", "PASSWORD": PASSWORD},
    },
    "UpdateUserPoolClient": {**POOL, "ClientId": CLIENT_ID, "ClientName": "other"},
    "CreateUserPoolClient": {**POOL, "ClientName": "more"},
    "ForgotPassword": {"ClientId": CLIENT_ID, "Username": "ada"},
    "UpdateUserPool": {**POOL, "PoolName": "other"},
    "CreateGroup": {**POOL, "GroupName": "admins"},
    "SignUp": {"ClientId": CLIENT_ID, "Username": "self", "Password": PASSWORD},
}  # fmt: skip


class TestFullDisk:
    @pytest.mark.parametrize("at", ["BEGIN", "INSERT", "COMMIT"])
    @pytest.mark.parametrize("operation", [*WRITES, "a wrong password", "an answer"])
    def test_failed_write_changes_nothing(self, tmp_path: Path, signing_key: RSAKey, operation: str, at: str) -> None:
        """An operation that cannot be written changes neither the pool nor the file."""
        config = {**CONFIG, "aliases": ["email"], "key": signing_key}
        stored_pool = StoredPool(tmp_path / "pool.db", config)
        pending = stored_pool.password("sam")
        before = contents(stored_pool.service.pool)
        assert stored_pool.file is not None
        connection = stored_pool.file._sql
        stored_pool.file._sql = FullDisk(connection, at)  # type: ignore[assignment]  # a substitute with the methods that are used

        def refused() -> dict[str, Any]:
            if operation == "a wrong password":
                return stored_pool.password("ada", "wrong")
            if operation == "an answer":
                return stored_pool.answer(pending, USERNAME="sam", SMS_MFA_CODE="0")
            return stored_pool.call(operation, **WRITES[operation])

        reply = refused()
        if (operation, at) == ("AdminDeleteUser", "INSERT"):
            stored_pool.file.close()
            return  # it inserts nothing, and has happened
        assert reply["__type"] == "InternalErrorException"
        assert "disk is full" in reply["message"]
        assert contents(stored_pool.service.pool) == before
        stored_pool.file._sql = connection
        stored_pool.call("AdminGetUser", **POOL, Username="new")
        assert contents(stored_pool.service.pool) == before
        assert contents(stored_pool.begin().pool) == before
        assert refused().get("__type") != "InternalErrorException"
        assert contents(stored_pool.begin().pool) != before
        assert stored_pool.file is not None
        stored_pool.file.close()

    def test_pool_works_after_a_failed_write(self, tmp_path: Path, signing_key: RSAKey) -> None:
        """Aliases, sessions and tokens work after a failed write."""
        config = {**CONFIG, "aliases": ["email"], "key": signing_key}
        stored_pool = StoredPool(tmp_path / "pool.db", config)
        tokens = stored_pool.password("ada")["AuthenticationResult"]
        pending = stored_pool.password("sam")
        assert stored_pool.file is not None
        connection = stored_pool.file._sql
        stored_pool.file._sql = FullDisk(connection, "COMMIT")  # type: ignore[assignment]  # a substitute with the methods that are used
        stored_pool.call("AdminDeleteUser", **POOL, Username="eve")
        stored_pool.call("AdminUpdateUserAttributes", **POOL, Username="eve",
                  UserAttributes=[{"Name": "email", "Value": "y@example.com"}])  # fmt: skip
        stored_pool.file._sql = connection

        assert stored_pool.password("eve@example.com")["ChallengeName"] == "EMAIL_OTP"
        assert stored_pool.call("GetUser", AccessToken=tokens["AccessToken"])["Username"] == "ada"
        code = stored_pool.service.pool.outbox.code_for("sam")
        assert "AuthenticationResult" in stored_pool.answer(pending, USERNAME="sam", SMS_MFA_CODE=code)
        stored_pool.file.close()

    def test_a_file_that_cannot_be_read_either(self, tmp_path: Path, signing_key: RSAKey) -> None:
        """If a failed write cannot be undone by reading the file, requests are refused until it can be read."""
        stored_pool = StoredPool(tmp_path / "pool.db", {**CONFIG, "key": signing_key})
        before = contents(stored_pool.service.pool)
        assert stored_pool.file is not None
        connection = stored_pool.file._sql
        stored_pool.file._sql = FullDisk(connection, "")  # type: ignore[assignment]  # a substitute with the methods that are used
        for operation in ("AdminDisableUser", "AdminGetUser"):
            assert stored_pool.call(operation, **POOL, Username="ada")["__type"] == "InternalErrorException"
        stored_pool.file._sql = connection

        assert stored_pool.call("AdminCreateUser", **POOL, Username="ada")["__type"] == "UsernameExistsException"
        assert contents(stored_pool.service.pool) == before
        assert "AuthenticationResult" in stored_pool.password("ada")
        stored_pool.file.close()

    def test_failed_write_at_the_start(self, tmp_path: Path) -> None:
        """A server that cannot write its first records does not start."""
        file = StateFile(tmp_path / "pool.db")
        connection = file._sql
        file._sql = FullDisk(connection, "COMMIT")  # type: ignore[assignment]  # a substitute with the methods that are used
        with pytest.raises(StateFileError, match="cannot be written: database or disk is full"):
            open_service(parse_config(CONFIG), URL, Log(StringIO()), file)
        connection.close()

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
    def test_file_size_limit(self, tmp_path: Path) -> None:
        """If the file may not grow, writes are refused, reads succeed, and everything that was replied is there."""
        state = tmp_path / "pool.db"
        with serve_in_process(tmp_path, CONFIG, "--state", str(state)) as web:
            token = web.password("ada")[2]["AuthenticationResult"]["AccessToken"]
            size = max(each.stat().st_size for each in tmp_path.glob("pool.db*"))
            # What is written next does not fit; the soft limit can be lifted again.
            resource.prlimit(web.popen.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            created: dict[bool, list[str]] = {True: [], False: []}
            for number in range(60):
                name = f"made{number}"
                status, _, reply = web.call("AdminCreateUser", **POOL, Username=name, TemporaryPassword=PASSWORD)
                created[status == 200].append(name)
                if status != 200:
                    assert (status, reply["__type"]) == (500, "InternalErrorException")
                assert web.call("GetUser", AccessToken=token)[0] == 200
                assert web.call("AdminGetUser", **POOL, Username="sam")[0] == 200
                assert web.ask("GET", "/outbox")[0] == 200
            assert created[False]
            for name in created[False]:
                assert web.call("AdminGetUser", **POOL, Username=name)[0] == 400
            resource.prlimit(web.popen.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            assert web.call("AdminCreateUser", **POOL, Username="late", TemporaryPassword=PASSWORD)[0] == 200
            assert web.end(signal.SIGKILL) == -signal.SIGKILL
        with serve_in_process(tmp_path, CONFIG, "--state", str(state)) as web:
            for name in ("late", *created[True]):
                assert web.call("AdminGetUser", **POOL, Username=name)[0] == 200
            for name in created[False]:
                assert web.call("AdminGetUser", **POOL, Username=name)[0] == 400
            assert web.end() == 0


def test_clock_set_back(tmp_path: Path) -> None:
    """A stored lock-out lasts no longer if the clock was set back while the server was down."""
    clock = ManualClock()
    stored_pool = StoredPool(tmp_path / "pool.db", CONFIG)
    stored_pool.service.pool.clock = clock
    stored_pool.service.core.elapsed._clock = clock
    for _ in range(10):
        clock.advance(60)
        stored_pool.password("ada", "wrong")
    assert stored_pool.password("ada")["message"] == "Password attempts exceeded"
    pool = stored_pool.begin().pool
    clock.advance(-24 * 3600)
    stored_pool.service.core.elapsed._clock = clock
    assert stored_pool.password("ada")["message"] == "Password attempts exceeded"
    clock.advance(33)
    assert "AuthenticationResult" in stored_pool.password("ada")
    assert pool is stored_pool.service.pool
    assert stored_pool.file is not None
    stored_pool.file.close()


def test_pools_of_the_api_survive(tmp_path: Path) -> None:
    """A hundred pools, their users, app clients, groups, tokens and settings are in one state file."""
    stored_pool = StoredPool(tmp_path / "pool.db")
    pools = [stored_pool.call("CreateUserPool", PoolName=f"p{n}")["UserPool"]["Id"] for n in range(100)]
    for pool_id in pools:
        stored_pool.call("CreateGroup", UserPoolId=pool_id, GroupName="admins")
        user = {"UserPoolId": pool_id, "Username": "ada"}
        stored_pool.call("AdminCreateUser", **user, TemporaryPassword=PASSWORD)
        stored_pool.call("AdminAddUserToGroup", **user, GroupName="admins")
    chosen = {"UserPoolId": pools[7], "PoolName": "renamed", "DeletionProtection": "ACTIVE"}
    stored_pool.call("UpdateUserPool", **chosen)
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    stored_pool.call("AdminSetUserPassword", UserPoolId=pools[7], Username="ada", Password=PASSWORD, Permanent=True)  # fmt: skip
    app_client = stored_pool.call("CreateUserPoolClient", UserPoolId=pools[7], ClientName="web", ExplicitAuthFlows=flows)  # fmt: skip
    client_id = app_client["UserPoolClient"]["ClientId"]
    parameters = {"USERNAME": "ada", "PASSWORD": PASSWORD}
    tokens = stored_pool.call("InitiateAuth", ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)["AuthenticationResult"]  # fmt: skip
    stored_pool.call("DeleteUserPool", UserPoolId=pools[8])
    assert "deletion protection" in stored_pool.call("DeleteUserPool", UserPoolId=pools[7])["message"]
    cognito = stored_pool.service.cognito
    before = {key: contents(each) for key, each in cognito.pools.items() if key in pools[5:10]}

    again = stored_pool.begin().cognito

    assert [*again.pools] == [stored_pool.service.pool.pool_id, *pools[:8], *pools[9:]]
    described_ = stored_pool.call("DescribeUserPool", UserPoolId=pools[7])["UserPool"]
    assert (described_["Name"], described_["EstimatedNumberOfUsers"]) == ("renamed", 1)
    assert stored_pool.call("GetUser", AccessToken=tokens["AccessToken"])["Username"] == "ada"
    assert contents(again.pools[pools[7]]) == before[pools[7]]
    assert again.pools[pools[9]].user("ada").groups == ("admins",)
    assert stored_pool.file is not None
    connection = stored_pool.file._sql
    stored_pool.file._sql = FullDisk(connection, "COMMIT")  # type: ignore[assignment]  # a substitute with the methods that are used
    for operation, members in (("CreateUserPool", {"PoolName": "x"}), ("DeleteUserPool", {"UserPoolId": pools[0]})):  # fmt: skip
        assert stored_pool.call(operation, **members)["__type"] == "InternalErrorException"
    stored_pool.file._sql = connection
    assert [*again.pools] == [stored_pool.service.pool.pool_id, *pools[:8], *pools[9:]]
    stored_pool.file.close()


def test_a_key_that_is_made_during_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool's first key is in the file, also if it was created during another write."""
    monkeypatch.setattr(Service, "make_key", lambda _: None)
    stored_pool = StoredPool(tmp_path / "pool.db", {})
    file, issuer = stored_pool.file, stored_pool.service.core.token_issuer
    assert file is not None
    write = file.write

    def write_slowly(*args: Any, **kwargs: Any) -> None:
        write(*args, **kwargs)
        assert issuer.key.kid

    monkeypatch.setattr(file, "write", write_slowly)
    user = {"UserPoolId": stored_pool.service.pool.pool_id, "Username": "ada"}
    stored_pool.call("AdminCreateUser", **user)
    stored_pool.call("AdminGetUser", **user)

    assert stored_pool.begin().core.token_issuer.has_key
    assert stored_pool.service.core.token_issuer.key.kid == issuer.key.kid


def test_a_deleted_pool_stays_deleted(tmp_path: Path) -> None:
    """A request for the keys of a pool that is deleted meanwhile writes nothing."""
    stored_pool = StoredPool(tmp_path / "pool.db", {})
    pool_id = stored_pool.call("CreateUserPool", PoolName="short")["UserPool"]["Id"]
    pool = stored_pool.service.cognito.pools[pool_id]
    stored_pool.call("DeleteUserPool", UserPoolId=pool_id)
    assert stored_pool.service.jwks(pool)["keys"]

    stored_pool.begin()
    assert stored_pool.file is not None
    assert pool_id not in stored_pool.file.pools()
    assert stored_pool.call("DescribeUserPool", UserPoolId=pool_id)["__type"] == "ResourceNotFoundException"
    stored_pool.call("DeleteUserPool", UserPoolId=stored_pool.service.pool.pool_id)
    assert "UserPool" in stored_pool.call("CreateUserPool", PoolName="after the first")


def test_restart_after_the_first_pool_was_deleted(tmp_path: Path) -> None:
    """After the first pool was deleted, a restart creates it anew without users; the others are there."""
    stored_pool = StoredPool(tmp_path / "pool.db", {})
    first = stored_pool.service.pool.pool_id
    stored_pool.call("AdminCreateUser", UserPoolId=first, Username="ada")
    for _ in range(2):
        stored_pool.call("DeleteUserPool", UserPoolId=first)
        other = stored_pool.call("CreateUserPool", PoolName="other")["UserPool"]["Id"]
        stored_pool.call("AdminCreateUser", UserPoolId=other, Username="grace")
        cognito = stored_pool.begin().cognito

        assert next(iter(cognito.pools)) == first
        assert stored_pool.call("ListUsers", UserPoolId=first)["Users"] == []
        assert [each["Username"] for each in stored_pool.call("ListUsers", UserPoolId=other)["Users"]] == ["grace"]


_NEW = {"ClientName": "renamed", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"], "AccessTokenValidity": 2}


@pytest.mark.parametrize(
    ("operation", "members", "secret"),
    [
        ("UpdateUserPoolClient", _NEW, False), ("UpdateUserPoolClient", _NEW, True),
        ("AddUserPoolClientSecret", {}, True),
        ("DeleteUserPoolClient", {}, False), ("DeleteUserPoolClient", {}, True),
    ],
)  # fmt: skip
def test_changes_of_the_first_app_client(
    tmp_path: Path, operation: str, members: dict[str, Any], *, secret: bool
) -> None:
    """What the API changed of the configured app client, which may be its deletion, outlasts restarts."""
    stored_pool = StoredPool(tmp_path / "pool.db", {"client_secret": secret})
    client = {"UserPoolId": stored_pool.service.pool.pool_id, "ClientId": CLIENT_ID}
    assert "__type" not in stored_pool.call(operation, **client, **members)
    before = [stored_pool.call(each, **client) for each in ("DescribeUserPoolClient", "ListUserPoolClientSecrets")]
    for _ in range(2):
        stored_pool.begin()
        after = [stored_pool.call(each, **client) for each in ("DescribeUserPoolClient", "ListUserPoolClientSecrets")]

        assert after == before
    assert ("__type" in before[0]) is (operation == "DeleteUserPoolClient")


def test_records_do_not_depend_on_the_order_of_sets() -> None:
    """Sets are written sorted: each process has its own order of a frozenset, and texts of records are compared."""
    serializer = RecordSerializer()
    flows = json.loads(serializer.to_text(LocalPool().app_client))["explicit_auth_flows"]

    assert len(flows) > 5
    assert flows == sorted(flows)
    assert serializer._any_to_json(frozenset({State.SMS_MFA, "b", 1, ("a",)})) == {
        "!": "frozenset",
        "=": sorted(map(serializer._any_to_json, [State.SMS_MFA, "b", 1, ("a",)]), key=json.dumps),
    }
