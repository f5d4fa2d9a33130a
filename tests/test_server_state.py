"""The state file: what was acknowledged is there again, whatever ended the process, and nothing else is taken."""

from __future__ import annotations

import json
import secrets
import signal
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, evolve, has
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from serving import CLIENT_ID, PASSWORD, TARGET, Process, process, until

from authfsm import srp
from authfsm.base.secret import revealed
from authfsm.local import LocalPool, ManualClock
from authfsm.local.server.config import ConfigError, parse_config
from authfsm.local.server.service import Log, Service, open_service
from authfsm.local.server.state_file import APPLICATION_ID, StateFile, StateFileError
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


class Kept:
    """A service with its file, that can be killed and begun again."""

    def __init__(self, path: Path, config: dict[str, Any] = CONFIG) -> None:
        self.path = path
        self.config = config
        self.file: StateFile | None = None
        self.service = self.begin()

    def begin(self) -> Service:
        """Open the file again; what was in memory is gone."""
        if self.file is not None:
            self.file.close()
        self.file = StateFile(self.path)
        given = {name: value for name, value in self.config.items() if name != "key"}
        config = parse_config(given)
        if "key" in self.config:  # making one takes longer than a test
            config = evolve(config, settings={**config.settings, "key": self.config["key"]})
        self.service = open_service(config, URL, Log(StringIO()), self.file)
        return self.service

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """One operation."""
        answered = self.service.exchange(
            TARGET + operation, json.dumps(request).encode(), signed=True
        )
        reply: dict[str, Any] = json.loads(answered.body)
        return reply

    def begin_sign_in(self, flow: str, **parameters: str) -> dict[str, Any]:
        """InitiateAuth."""
        return self.call(
            "InitiateAuth", ClientId=CLIENT_ID, AuthFlow=flow, AuthParameters=parameters
        )

    def password(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        """USER_PASSWORD_AUTH."""
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


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A pool that is kept."""
    made = Kept(tmp_path / "pool.db")
    yield made
    assert made.file is not None
    made.file.close()


def told(pool: LocalPool) -> Any:
    """All that there is in a pool, to the last field, as plain values."""
    core = pool._core  # what this file is about

    def there(user: User | None) -> bool:
        return user is None or core.users.named(user.username) is user

    def plain(value: Any) -> Any:
        if has(type(value)):
            fields = asdict(value, recurse=False).items()
            return {
                "": type(value).__name__,
                **{name: plain(each) for name, each in fields if not callable(each)},
            }
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
        "legs": [pending for pending in core.sessions if there(pending.attempt.user)],
        "families": [family for family in core.token_issuer if there(family.user)],
        "outbox": list(core.outbox),
        "clients": core.clients,
        "seed": core.seed,
        "key": core.token_issuer.key.as_dict(private=True),
    }
    return plain(parts)


class TestNothingIsLost:
    def test_a_session(self, kept: Kept) -> None:
        """The code that was sent before is taken after."""
        reply = kept.password("sam")
        kept.begin()
        code = kept.service.pool.outbox.code_for("sam")

        assert "AuthenticationResult" in kept.answer(reply, USERNAME="sam", SMS_MFA_CODE=code)

    def test_a_spent_session_stays_spent(self, kept: Kept) -> None:
        """A session that was used is not good again."""
        reply = kept.password("sam")
        code = kept.service.pool.outbox.code_for("sam")
        kept.answer(reply, USERNAME="sam", SMS_MFA_CODE=code)
        kept.begin()

        assert (
            "only be used once" in kept.answer(reply, USERNAME="sam", SMS_MFA_CODE=code)["message"]
        )

    def test_a_proof_under_way(self, kept: Kept) -> None:
        """SRP begun before is finished after: the pool's own half of it was kept."""
        mine = srp.ephemeral(secrets.token_bytes(32))
        reply = kept.begin_sign_in("USER_SRP_AUTH", USERNAME="ada", SRP_A=mine.SRP_A)
        asked, pool = reply["ChallengeParameters"], kept.begin().pool
        timestamp = srp.timestamp(pool.clock())
        claim = srp.claim(
            mine,
            realm=srp.pool_name(pool.pool_id),
            name="ada",
            password=PASSWORD,
            salt=srp.from_hex(asked["SALT"], "SALT"),
            B=srp.from_hex(asked["SRP_B"], "SRP_B"),
            secret_block=asked["SECRET_BLOCK"],
            timestamp=timestamp,
        )
        ended = kept.answer(
            reply,
            USERNAME="ada",
            PASSWORD_CLAIM_SECRET_BLOCK=asked["SECRET_BLOCK"],
            PASSWORD_CLAIM_SIGNATURE=claim,
            TIMESTAMP=timestamp,
        )

        assert "AuthenticationResult" in ended

    def test_tokens(self, kept: Kept) -> None:
        """Access tokens are verified, refresh tokens refresh, revoked ones do not; the keys are the same."""
        one = kept.password("ada")["AuthenticationResult"]
        other = kept.password("ada")["AuthenticationResult"]
        kept.call("RevokeToken", Token=other["RefreshToken"], ClientId=CLIENT_ID)
        keys = kept.service.pool.jwks()
        kept.begin()

        assert kept.service.pool.jwks() == keys
        assert kept.call("GetUser", AccessToken=one["AccessToken"])["Username"] == "ada"
        refreshed, revoked = (
            kept.begin_sign_in(
                "REFRESH_TOKEN_AUTH",
                REFRESH_TOKEN=each["RefreshToken"],
                DEVICE_KEY=each["NewDeviceMetadata"]["DeviceKey"],
            )
            for each in (one, other)
        )
        assert "AuthenticationResult" in refreshed
        assert revoked["message"] == "Refresh Token has been revoked"

    def test_rotation(self, tmp_path: Path) -> None:
        """A refresh token that was replaced stays replaced."""
        rotating = {"users": USERS[:1], "refresh_token_rotation": {"retry_grace_period_seconds": 0}}
        kept = Kept(tmp_path / "pool.db", rotating)
        first = kept.password("ada")["AuthenticationResult"]["RefreshToken"]
        second = kept.call("GetTokensFromRefreshToken", RefreshToken=first, ClientId=CLIENT_ID)
        kept.begin()
        again = kept.call("GetTokensFromRefreshToken", RefreshToken=first, ClientId=CLIENT_ID)
        newest = second["AuthenticationResult"]["RefreshToken"]
        third = kept.call("GetTokensFromRefreshToken", RefreshToken=newest, ClientId=CLIENT_ID)

        assert again["__type"] == "RefreshTokenReuseException"
        assert "AuthenticationResult" in third
        assert kept.file is not None
        kept.file.close()

    def test_devices(self, kept: Kept) -> None:
        """A confirmed device is known again."""
        result = kept.password("ada")["AuthenticationResult"]
        device = result["NewDeviceMetadata"]
        kept.call(
            "ConfirmDevice",
            AccessToken=result["AccessToken"],
            DeviceKey=device["DeviceKey"],
            DeviceSecretVerifierConfig={"Salt": "AQ==", "PasswordVerifier": "Ag=="},
        )
        kept.begin()
        reply = kept.begin_sign_in(
            "USER_PASSWORD_AUTH", USERNAME="ada", PASSWORD=PASSWORD, DEVICE_KEY=device["DeviceKey"]
        )

        assert reply["ChallengeName"] == "DEVICE_SRP_AUTH"

    def test_failures_are_counted_on(self, kept: Kept) -> None:
        """A lock-out is not got rid of by a restart."""
        for _ in range(5):
            kept.password("ada", "wrong")
            kept.begin()

        assert kept.password("ada")["message"] == "Password attempts exceeded"

    def test_a_user_taken_away_stays_away(self, kept: Kept) -> None:
        """So do the sessions that were theirs; a user of the configuration is made again, as new."""
        pool = kept.service.pool.pool_id
        made = kept.call(
            "AdminCreateUser", UserPoolId=pool, Username="gone", TemporaryPassword=PASSWORD
        )
        assert made["User"]["Username"] == "gone"
        kept.password("gone")
        kept.begin()
        kept.call("AdminDeleteUser", UserPoolId=pool, Username="gone")
        kept.begin()

        found = kept.call("AdminGetUser", UserPoolId=pool, Username="gone")
        assert found["__type"] == "UserNotFoundException"

    def test_what_a_user_who_is_not_there_would_have(self, kept: Kept) -> None:
        """The salt that is made up for a name is the same after a restart: else that would tell."""
        salts = set()
        for _ in range(2):
            mine = srp.ephemeral(secrets.token_bytes(32))
            reply = kept.begin_sign_in("USER_SRP_AUTH", USERNAME="nobody", SRP_A=mine.SRP_A)
            salts.add(reply["ChallengeParameters"]["SALT"])
            kept.begin()

        assert len(salts) == 1

    def test_an_app_clients_secret(self, tmp_path: Path) -> None:
        """A secret that was drawn stays; one that is named is what it is named."""
        path = tmp_path / "pool.db"
        drawn = []
        for config in (
            {"client_secret": True},
            {"client_secret": True},
            {"client_secret": "named"},
        ):
            kept = Kept(path, config)
            secret = kept.service.pool.client_secret
            assert secret is not None
            drawn.append(secret.reveal())
            assert kept.file is not None
            kept.file.close()

        assert drawn[0] == drawn[1] != drawn[2] == "named"

    def test_the_outbox_keeps_as_many_as_in_memory(self, kept: Kept) -> None:
        """The last thousand messages, here and in the file."""
        for _ in range(3):
            kept.password("sam")
        before = list(kept.service.pool.outbox)
        kept.begin()

        assert list(kept.service.pool.outbox) == before


class Wanderer:
    """A client that does anything, in any order: most is refused, and a refusal changes records too."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.reply: dict[str, Any] = {"ChallengeName": "-", "Session": "-"}
        self.tokens: dict[str, Any] = {}

    def step(self, name: str, user: str) -> None:
        """One step."""
        reply = self.requests(user)[name]()
        self.reply = reply if "ChallengeName" in reply else self.reply
        self.tokens = reply.get("AuthenticationResult") or self.tokens

    def requests(self, user: str) -> dict[str, Callable[[], dict[str, Any]]]:
        """What it may ask for."""
        kept, call = self.kept, self.kept.call
        access, refresh = self.tokens.get("AccessToken", "-"), self.tokens.get("RefreshToken", "-")
        admin: Any = {"UserPoolId": kept.service.pool.pool_id, "Username": user}
        client: Any = {"ClientId": CLIENT_ID}
        device: Any = {
            "DeviceKey": self.tokens.get("NewDeviceMetadata", {}).get("DeviceKey", "-"),
            "DeviceSecretVerifierConfig": {"Salt": "AQ==", "PasswordVerifier": "Ag=="},
        }
        chosen = {"Enabled": True, "PreferredMfa": True}
        email = [{"Name": "email", "Value": "other@example.com"}]
        outbox = kept.service.pool.outbox
        code = outbox[-1].code.reveal() if len(outbox) else "-"
        key = f"{self.reply['ChallengeName']}_CODE"
        mine = srp.ephemeral(secrets.token_bytes(32)).SRP_A
        new = f"{PASSWORD}!"
        return {
            "password": lambda: kept.password(user),
            "wrong": lambda: kept.password(user, "wrong"),
            "srp": lambda: kept.begin_sign_in("USER_SRP_AUTH", USERNAME=user, SRP_A=mine),
            "choose": lambda: kept.begin_sign_in("USER_AUTH", USERNAME=user),
            "code": lambda: kept.answer(self.reply, USERNAME=user, **{key: code}),
            "wrong code": lambda: kept.answer(self.reply, USERNAME=user, **{key: "0"}),
            "new password": lambda: kept.answer(self.reply, USERNAME=user, NEW_PASSWORD=new),
            "refresh": lambda: kept.begin_sign_in("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=refresh),
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
            "attributes": lambda: call(
                "UpdateUserAttributes", AccessToken=access, UserAttributes=email
            ),
        }


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["password", "wrong", "srp", "choose", "code", "wrong code", "new password", "refresh",
             "sign out", "revoke", "device", "create", "delete", "disable", "enable", "prefer",
             "associate", "passkey", "sign up", "forgot", "attributes"],
        ),
        st.sampled_from([user["username"] for user in USERS]),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_the_file_is_the_pool(
    tmp_path_factory: pytest.TempPathFactory, signing_key: RSAKey, steps: list[tuple[str, str]]
) -> None:
    """After any operations, what is read back is what was in memory, to the last field of every record."""
    kept = Kept(tmp_path_factory.mktemp("state") / "pool.db", {**CONFIG, "key": signing_key})
    # A user of the configuration who was deleted would be made again.
    kept.config = {**kept.config, "users": []}
    wanderer = Wanderer(kept)
    for step, user in steps:
        wanderer.step(step, user)
        before = told(kept.service.pool)
        assert told(kept.begin().pool) == before
    assert kept.file is not None
    kept.file.close()


def test_no_part_of_a_pool_is_forgotten() -> None:
    """Every attribute of the pool's parts is kept, made anew from the settings, or of no account."""
    core = LocalPool()._core
    kept = {
        "clients", "users", "_by_name", "sessions", "_pending", "token_issuer", "_families", "_key",
        "outbox", "_messages", "seed", "elapsed",
    }  # fmt: skip
    made_of_them = {"_by_alias", "_by_other_key", "_by_refresh_token"}
    settings_ = {
        "configuration", "_configuration", "realm", "_aliases", "_case_sensitive",
        "_username_attributes",
    }  # fmt: skip
    of_the_process = {"clock", "_clock", "entropy", "_entropy", "_listener"}
    of_no_account = {
        "_simulated_verifier",
        "last_answered",
        "response",
        "_key_lock",
        "_unknown_name_accounts",
    }  # random; within one operation; a lock; calls for names that nobody has

    found = {
        name
        for part in (core, core.users, core.sessions, core.token_issuer, core.outbox)
        for name in vars(part)
    }
    assert found == kept | made_of_them | settings_ | of_the_process | of_no_account


class TestWhatIsNoStateFile:
    def test_another_process_has_it(self, kept: Kept) -> None:
        """Two pools cannot have one file."""
        with pytest.raises(StateFileError, match="is in use by another process"):
            StateFile(kept.path)

    def test_only_its_owner_reads_it(self, tmp_path: Path) -> None:
        """It is made for its owner, its log too, and a file that was open to others is shut."""
        path = tmp_path / "pool.db"
        path.touch(0o644)
        path.chmod(0o644)
        kept = Kept(path)
        modes = {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
        assert kept.file is not None
        kept.file.close()

        assert modes == {0o600}

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (
                b"not a database, but long enough to be looked at by SQLite" * 20,
                "is not a state file",
            ),
            (b"{}", "is not a state file"),
        ],
    )
    def test_not_a_database(self, tmp_path: Path, content: bytes, why: str) -> None:
        """A foreign file is refused, and left as it is."""
        path = tmp_path / "notes.txt"
        path.write_bytes(content)

        with pytest.raises(StateFileError, match=why):
            StateFile(path)
        assert path.read_bytes() == content

    def test_another_programs_database(self, tmp_path: Path) -> None:
        """So is another program's database."""
        path = tmp_path / "other.db"
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE notes (text)")
        other.close()

        with pytest.raises(StateFileError, match="is another program's database"):
            StateFile(path)

    def test_a_newer_version(self, tmp_path: Path) -> None:
        """A file that a later version wrote is not touched."""
        path = tmp_path / "pool.db"
        later = sqlite3.connect(path)
        later.execute("CREATE TABLE records (text)")
        later.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        later.execute("PRAGMA user_version = 99")
        later.close()

        with pytest.raises(StateFileError, match="newer version"):
            StateFile(path)

    def test_another_pools(self, tmp_path: Path) -> None:
        """Passwords are bound to the pool's id: a file of another pool is refused."""
        path = tmp_path / "pool.db"
        kept = Kept(path)
        assert kept.file is not None
        kept.file.close()

        with pytest.raises(StateFileError, match="belongs to the pool eu-west-1_LocalPool, not to"):
            Kept(path, {"pool_id": "eu-west-1_Other"})

    def test_damaged(self, tmp_path: Path) -> None:
        """What cannot be read is said, and nothing of it: there are secrets in it."""
        path = tmp_path / "pool.db"
        kept = Kept(path)
        assert kept.file is not None
        kept.file.close()
        inside = sqlite3.connect(path)
        inside.execute("UPDATE records SET body = '{\"hunter2\": 1}' WHERE kind = 'user'")
        inside.commit()
        inside.close()

        with pytest.raises(StateFileError, match="damaged") as caught:
            Kept(path)
        assert "hunter2" not in repr(caught.value) + str(caught.value.__cause__)

    @pytest.mark.parametrize("path", ["/nowhere/at/all/pool.db", "/"])
    def test_no_place_for_a_file(self, path: str) -> None:
        """A path where nothing can be made."""
        with pytest.raises(StateFileError, match="cannot be opened"):
            StateFile(Path(path))


def test_what_the_api_did_to_the_app_client_holds(kept: Kept) -> None:
    """A change by UpdateUserPoolClient outlives a restart, until the configuration says something new."""
    pool = {"UserPoolId": kept.service.pool.pool_id, "ClientId": CLIENT_ID}
    other = kept.call("CreateUserPoolClient", UserPoolId=pool["UserPoolId"], ClientName="other")
    kept.call("UpdateUserPoolClient", **pool, AuthSessionValidity=15)
    kept.begin()
    changed = kept.service.pool.app_client.auth_session_validity
    kept.config = {**kept.config, "auth_session_validity": 9}
    kept.begin()
    configured = kept.service.pool.app_client.auth_session_validity
    found = kept.call("ListUserPoolClients", UserPoolId=pool["UserPoolId"])["UserPoolClients"]

    assert (changed, configured) == (15, 9)
    assert {each["ClientId"] for each in found} == {
        CLIENT_ID,
        other["UserPoolClient"]["ClientId"],
    }


def test_a_pool_like_a_real_one() -> None:
    """Descriptions of a real pool, and users as ListUsers shows them, make the pool."""
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


def test_a_configuration_does_not_overwrite(kept: Kept) -> None:
    """A user who is there already keeps the password that was set since."""
    pool = kept.service.pool.pool_id
    kept.call(
        "AdminSetUserPassword",
        UserPoolId=pool,
        Username="ada",
        Password="Another-1!",
        Permanent=True,
    )
    kept.begin()

    assert "AuthenticationResult" in kept.password("ada", "Another-1!")


def test_a_bad_user_is_named_but_not_told(tmp_path: Path) -> None:
    """The password of a user that cannot be made is not in the message."""
    config = {"users": [{"username": "ada", "password": "hunter2", "colour": "red"}]}

    with pytest.raises(ConfigError, match="user ada has no setting colour") as caught:
        Kept(tmp_path / "pool.db", config)
    assert "hunter2" not in str(caught.value)


def _sign_in_repeatedly(
    web: Process, user: str, got: list[dict[str, Any]], stop: threading.Event
) -> None:
    while not stop.is_set():
        try:
            status, _, reply = web.password(user)
            if status == 200:
                got.append({"user": user, **reply})
        except (OSError, ValueError):
            return  # it was killed


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_killed_in_the_middle(tmp_path: Path) -> None:
    """Killed in the middle of a hundred sign-ins: all that was answered is there after a restart."""
    users = [{"username": f"u{n}", "password": PASSWORD} for n in range(8)]
    users += [{**user, "username": f"m{n}", "phone_number": f"+1555555{n:04}", "preferred_mfa": "SMS_MFA"}
              for n, user in enumerate(users)]  # fmt: skip
    config = {"mfa": "OPTIONAL", "device": {}, "users": users}
    state = str(tmp_path / "pool.db")
    got: list[dict[str, Any]] = []
    with process(tmp_path, config, "--state", state) as web:
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
        stop = threading.Event()
        threads = [
            threading.Thread(target=_sign_in_repeatedly, args=(web, user["username"], got, stop))
            for user in users
        ]
        for thread in threads:
            thread.start()
        until(lambda: len(got) >= 100, "a hundred sign-ins")
        status = web.end(signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join()
        assert status == -signal.SIGKILL

    with process(tmp_path, config, "--state", state) as web:
        found = web.call("AdminGetUser", **admin, Username="made")[2]
        assert found["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert web.password("u0", DEVICE_KEY=key)[2]["ChallengeName"] == "DEVICE_SRP_AUTH"
        codes: dict[str, list[str]] = {}
        for message in json.loads(web.ask("GET", "/outbox")[2])["messages"]:
            codes.setdefault(message["username"], []).append(message["code"])
        for each in got:
            if "AuthenticationResult" in each:
                refresh = {"REFRESH_TOKEN": each["AuthenticationResult"]["RefreshToken"],
                           "DEVICE_KEY": each["AuthenticationResult"]["NewDeviceMetadata"]["DeviceKey"]}  # fmt: skip
                status, _, reply = web.call(
                    "InitiateAuth",
                    ClientId=CLIENT_ID,
                    AuthFlow="REFRESH_TOKEN_AUTH",
                    AuthParameters=refresh,
                )
                assert status == 200, reply
        running = {each["user"]: each for each in got if "ChallengeName" in each}
        assert running
        for user, each in running.items():
            tried = [
                web.answer(each, USERNAME=user, SMS_MFA_CODE=code)[0] for code in codes[user][-3:]
            ]
            assert 200 in tried
        # Nobody is locked out by the wrong codes among these: three are tried at most.
        assert web.end() == 0
    assert Path(state).stat().st_size > 0


# ---- a disk that is full -------------------------------------------------------------------------------


class Full:
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
    "SignUp": {"ClientId": CLIENT_ID, "Username": "self", "Password": PASSWORD},
}  # fmt: skip


class TestAFullDisk:
    @pytest.mark.parametrize("at", ["BEGIN", "INSERT", "COMMIT"])
    @pytest.mark.parametrize("operation", [*WRITES, "a wrong password", "an answer"])
    def test_what_is_refused_did_not_happen(
        self, tmp_path: Path, signing_key: RSAKey, operation: str, at: str
    ) -> None:
        """An operation that cannot be written changes neither the pool nor the file, then or later."""
        config = {**CONFIG, "aliases": ["email"], "key": signing_key}
        kept = Kept(tmp_path / "pool.db", config)
        pending = kept.password("sam")
        before = told(kept.service.pool)
        assert kept.file is not None
        whole = kept.file._sql
        kept.file._sql = Full(whole, at)  # type: ignore[assignment]  # it stands in for it

        def refused() -> dict[str, Any]:
            if operation == "a wrong password":
                return kept.password("ada", "wrong")
            if operation == "an answer":
                return kept.answer(pending, USERNAME="sam", SMS_MFA_CODE="0")
            return kept.call(operation, **WRITES[operation])

        reply = refused()
        if (operation, at) == ("AdminDeleteUser", "INSERT"):
            kept.file.close()
            return  # it inserts nothing, and has happened
        assert reply["__type"] == "InternalErrorException"
        assert "disk is full" in reply["message"]
        assert told(kept.service.pool) == before
        kept.file._sql = whole
        kept.call("AdminGetUser", **POOL, Username="new")
        assert told(kept.service.pool) == before
        assert told(kept.begin().pool) == before
        assert refused().get("__type") != "InternalErrorException"
        assert told(kept.begin().pool) != before
        assert kept.file is not None
        kept.file.close()

    def test_users_are_found_as_before(self, tmp_path: Path, signing_key: RSAKey) -> None:
        """Aliases, sessions and tokens work after a refused write as they did before."""
        config = {**CONFIG, "aliases": ["email"], "key": signing_key}
        kept = Kept(tmp_path / "pool.db", config)
        tokens = kept.password("ada")["AuthenticationResult"]
        pending = kept.password("sam")
        assert kept.file is not None
        whole = kept.file._sql
        kept.file._sql = Full(whole, "COMMIT")  # type: ignore[assignment]  # it stands in for it
        kept.call("AdminDeleteUser", **POOL, Username="eve")
        kept.call("AdminUpdateUserAttributes", **POOL, Username="eve",
                  UserAttributes=[{"Name": "email", "Value": "y@example.com"}])  # fmt: skip
        kept.file._sql = whole

        assert kept.password("eve@example.com")["ChallengeName"] == "EMAIL_OTP"
        assert kept.call("GetUser", AccessToken=tokens["AccessToken"])["Username"] == "ada"
        code = kept.service.pool.outbox.code_for("sam")
        assert "AuthenticationResult" in kept.answer(pending, USERNAME="sam", SMS_MFA_CODE=code)
        kept.file.close()

    def test_at_the_start(self, tmp_path: Path) -> None:
        """A server that cannot write its first records does not start, and says why."""
        file = StateFile(tmp_path / "pool.db")
        whole = file._sql
        file._sql = Full(whole, "COMMIT")  # type: ignore[assignment]  # it stands in for it
        with pytest.raises(StateFileError, match="cannot be written: database or disk is full"):
            open_service(parse_config(CONFIG), URL, Log(StringIO()), file)
        whole.close()

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
    def test_a_real_limit(self, tmp_path: Path) -> None:
        """The file may not grow: writes are refused, reads go on, and what was acknowledged is there."""
        state = tmp_path / "pool.db"
        with process(tmp_path, CONFIG, "--state", str(state)) as web:
            token = web.password("ada")[2]["AuthenticationResult"]["AccessToken"]
            size = max(each.stat().st_size for each in tmp_path.glob("pool.db*"))
            # What is written next does not fit; the soft limit can be lifted again.
            resource.prlimit(web.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            created: dict[bool, list[str]] = {True: [], False: []}
            for number in range(60):
                name = f"made{number}"
                status, _, reply = web.call(
                    "AdminCreateUser", **POOL, Username=name, TemporaryPassword=PASSWORD
                )
                created[status == 200].append(name)
                if status != 200:
                    assert (status, reply["__type"]) == (500, "InternalErrorException")
                assert web.call("GetUser", AccessToken=token)[0] == 200
                assert web.call("AdminGetUser", **POOL, Username="sam")[0] == 200
                assert web.ask("GET", "/outbox")[0] == 200
            assert created[False]
            for name in created[False]:
                assert web.call("AdminGetUser", **POOL, Username=name)[0] == 400
            resource.prlimit(web.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            assert (
                web.call("AdminCreateUser", **POOL, Username="late", TemporaryPassword=PASSWORD)[0]
                == 200
            )
            assert web.end(signal.SIGKILL) == -signal.SIGKILL
        with process(tmp_path, CONFIG, "--state", str(state)) as web:
            for name in ("late", *created[True]):
                assert web.call("AdminGetUser", **POOL, Username=name)[0] == 200
            for name in created[False]:
                assert web.call("AdminGetUser", **POOL, Username=name)[0] == 400
            assert web.end() == 0


def test_a_clock_set_back_while_the_server_was_down(tmp_path: Path) -> None:
    """A lock-out that is in the file lasts no longer for it."""
    clock = ManualClock()
    kept = Kept(tmp_path / "pool.db", CONFIG)
    kept.service.pool.clock = clock
    kept.service.core.elapsed._clock = clock
    for _ in range(10):
        clock.advance(60)
        kept.password("ada", "wrong")
    assert kept.password("ada")["message"] == "Password attempts exceeded"
    pool = kept.begin().pool
    clock.advance(-24 * 3600)
    kept.service.core.elapsed._clock = clock
    assert kept.password("ada")["message"] == "Password attempts exceeded"
    clock.advance(33)
    assert "AuthenticationResult" in kept.password("ada")
    assert pool is kept.service.pool
    assert kept.file is not None
    kept.file.close()
