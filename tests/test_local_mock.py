"""`mock_cognito` replaces AWS by a local region, for test suites in the style of moto."""

from __future__ import annotations

import os
import unittest
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import boto3
import httpx
import jwt
import moto
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBearer
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey

from authfsm.local import LocalPool
from authfsm.local import mock_cognito as mock_aws  # the import that changes: `from moto import mock_aws`

PASSWORD = "Correct-Horse-1"
REGION = "us-east-1"
CLIENT_BEFORE = boto3.client("cognito-idp", region_name=REGION)
"""A client that a module of an application creates before any test."""


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove AWS credentials and files with credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


def make_pool(boto: Any, **settings: Any) -> str:
    """Create a pool."""
    pool_id: str = boto.create_user_pool(PoolName="app", **settings)["UserPool"]["Id"]
    return pool_id


# ---- scope ----------------------------------------------------------------------------------------


def test_clients_made_inside_and_before() -> None:
    """Clients created before and within `with` reach the region, without credentials."""
    with mock_aws() as cognito:
        inside = boto3.client("cognito-idp", region_name="eu-central-1")
        pools = [make_pool(inside), make_pool(CLIENT_BEFORE)]
        unsigned = boto3.client("cognito-idp", REGION, config=Config(signature_version=UNSIGNED))
        with pytest.raises(ClientError, match="MissingAuthenticationToken"):
            make_pool(unsigned)

    assert list(cognito.pools) == pools
    assert [each.region for each in cognito.pools.values()] == ["eu-central-1", REGION]


def test_other_clients_and_services_are_not_affected(signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other pools' clients, clients with their own endpoint, and other services are not affected."""
    pool = LocalPool(key=signing_key)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with mock_aws() as cognito:
        assert pool.client().describe_user_pool(UserPoolId=pool.pool_id)["UserPool"]["Name"] == "local"
        elsewhere = boto3.client(
            "cognito-idp", REGION, endpoint_url="http://127.0.0.1:9", aws_access_key_id="a",
            aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        with pytest.raises(Exception, match="Could not connect"):
            elsewhere.list_user_pools(MaxResults=1)
        with pytest.raises(Exception, match="Unable to locate credentials"):
            boto3.session.Session().client("sqs", REGION).list_queues()  # the default session has moto's
    assert not cognito.pools


@pytest.mark.parametrize("inner", [moto.mock_aws, mock_aws])
def test_moto_beside_the_local_region(inner: Any) -> None:
    """In either order, Cognito is local with its own keys, and other services are moto's."""
    outer = mock_aws if inner is moto.mock_aws else moto.mock_aws
    with outer(), inner():
        boto3.client("sqs", REGION).create_queue(QueueName="jobs")
        pool_id = make_pool(boto3.client("cognito-idp", REGION))
        with pytest.raises(ClientError, match="UserNotFound"):
            CLIENT_BEFORE.admin_get_user(UserPoolId=pool_id, Username="none")
        url = f"https://cognito-idp.{REGION}.amazonaws.com/{pool_id}/.well-known/jwks.json"
        keys = requests.get(url, timeout=1).json()
        assert keys == httpx.get(url).json()
        assert jwt.PyJWKClient(url).get_signing_keys()[0].key_id == keys["keys"][0]["kid"]


def test_uses_are_separate_and_nest() -> None:
    """Each use begins without pools; an inner use hides the outer one until it ends."""
    mock = mock_aws()
    with pytest.raises(RuntimeError, match="not in use"):
        _ = mock.cognito
    with mock as outer:
        make_pool(CLIENT_BEFORE)
        with mock as inner:
            assert mock.cognito is inner
            assert CLIENT_BEFORE.list_user_pools(MaxResults=9)["UserPools"] == []
        assert [each["Id"] for each in CLIENT_BEFORE.list_user_pools(MaxResults=9)["UserPools"]] == [*outer.pools]


def test_an_unknown_setting() -> None:
    """An unknown setting is a TypeError at once."""
    with pytest.raises(TypeError, match="no setting config; the settings are accept, "):
        mock_aws(config={})


def test_a_client_without_tls() -> None:
    """A client with `use_ssl=False`, which sends HTTP, reaches the region too."""
    with mock_aws() as cognito:
        pool_id = make_pool(boto3.client("cognito-idp", REGION, use_ssl=False))
        assert [*cognito.pools] == [pool_id]


def test_the_region_of_a_mock() -> None:
    """A mock's `cognito` is the region of its own last use, even while a newer mock answers."""
    older, newer = mock_aws(), mock_aws()
    with older as cognito, newer:
        assert older.cognito is cognito


# ---- ways to use it -------------------------------------------------------------------------------


def count() -> int:
    """Create a pool, and return the number of pools."""
    make_pool(CLIENT_BEFORE)
    return len(CLIENT_BEFORE.list_user_pools(MaxResults=60)["UserPools"])


@mock_aws
def bare() -> int:
    """Decorated without parentheses."""
    return count()


@mock_aws()
def with_parentheses() -> int:
    """Decorated with parentheses."""
    return count()


@mock_aws
async def asynchronous() -> int:
    """Decorate an async function."""
    return count()


@mock_aws
def generator() -> Iterator[int]:
    """Decorate a generator, as a fixture is one."""
    yield count()
    yield count()


@mock_aws(accept="all")
async def async_generator() -> AsyncGenerator[int, None]:
    """Decorate an async generator."""
    yield count()


def test_decorated_generators() -> None:
    """The region of a generator ends with it."""
    iterator = generator()
    assert next(iterator) == 1
    with mock_aws():
        assert count() == 1
    assert [*iterator] == [2]
    items = async_generator()
    with pytest.raises(StopIteration) as ended:
        items.__anext__().send(None)
    assert ended.value.value == 1
    with pytest.raises(StopIteration):
        items.aclose().send(None)
    assert bare() == 1


def test_decorated_functions() -> None:
    """Each call has a new region, which ends with the call."""
    coroutine = asynchronous()
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)

    assert [bare(), bare(), with_parentheses(), ended.value.value] == [1, 1, 1, 1]


@mock_aws
class TestWithSetupMethod:
    """A class of pytest's."""

    def setup_method(self) -> None:
        """Create a pool."""
        make_pool(CLIENT_BEFORE)

    @pytest.mark.parametrize("_", range(2))
    def test_one_region_for_set_up_and_test(self, _: int) -> None:
        """The pool of setup_method is there, and none of another test."""
        assert count() == 2


@mock_aws
class TestCaseOfUnittest(unittest.TestCase):
    """A class of unittest's."""

    def setUp(self) -> None:
        """Create a pool."""
        make_pool(CLIENT_BEFORE)

    def test_one_region_for_set_up_and_test(self) -> None:
        """The pool of setUp is there."""
        assert count() == 2

    def test_another(self) -> None:
        """Another test has its own region."""
        assert count() == 2


# ---- a FastAPI application's suite ------------------------------------------------------------------


def fastapi_app(pool_id: str, client_id: str) -> FastAPI:
    """Return an application that signs users in, and verifies their tokens with the pool's keys."""
    app, idp = FastAPI(), boto3.client("cognito-idp", region_name=REGION)
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{pool_id}"
    keys = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")

    def current_user(bearer: Any = Depends(HTTPBearer())) -> Any:  # noqa: B008 - FastAPI's way
        try:
            key = keys.get_signing_key_from_jwt(bearer.credentials).key
            return jwt.decode(bearer.credentials, key, ["RS256"], issuer=issuer)
        except jwt.PyJWTError as error:
            raise HTTPException(401) from error

    @app.post("/login")
    def login(username: str, password: str) -> Any:
        try:
            reply = idp.initiate_auth(
                ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": username, "PASSWORD": password},
            )  # fmt: skip
        except idp.exceptions.NotAuthorizedException as error:
            raise HTTPException(401) from error
        return reply["AuthenticationResult"]

    @app.get("/me")
    def me(user: Any = Depends(current_user)) -> Any:  # noqa: B008, FAST002 - a local name
        return {"name": user["username"], "groups": user.get("cognito:groups", [])}

    return app


class TestFastApi:
    @pytest.fixture
    def app(self) -> Iterator[TestClient]:
        """The application over a pool with one user."""
        with mock_aws():
            idp = boto3.client("cognito-idp", region_name=REGION)
            pool_id = make_pool(idp)
            client = idp.create_user_pool_client(
                UserPoolId=pool_id, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
            )
            user: Any = {"UserPoolId": pool_id, "Username": "ada"}
            idp.admin_create_user(**user, MessageAction="SUPPRESS", TemporaryPassword=PASSWORD)
            idp.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
            yield TestClient(fastapi_app(pool_id, client["UserPoolClient"]["ClientId"]))

    def test_sign_in(self, app: TestClient) -> None:
        """The right password gets tokens that open the page."""
        tokens = app.post("/login", params={"username": "ada", "password": PASSWORD}).json()
        header = {"Authorization": f"Bearer {tokens['AccessToken']}"}

        assert app.get("/me", headers=header).json() == {"name": "ada", "groups": []}

    def test_wrong_password(self, app: TestClient) -> None:
        """A wrong password and a changed token are 401."""
        assert app.post("/login", params={"username": "ada", "password": "wrong"}).status_code == 401
        assert app.get("/me", headers={"Authorization": "Bearer a.b.c"}).status_code == 401


# ---- a Lambda function's suite ------------------------------------------------------------------------


def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Invite a user and queue a job, as a Lambda function behind an API does."""
    idp, sqs = boto3.client("cognito-idp", REGION), boto3.client("sqs", REGION)
    try:
        user = idp.admin_create_user(
            UserPoolId=event["pool"], Username=event["email"], DesiredDeliveryMediums=["EMAIL"],
            UserAttributes=[{"Name": "email", "Value": event["email"]}],
        )["User"]  # fmt: skip
    except idp.exceptions.UsernameExistsException:
        return {"statusCode": 409}
    sqs.send_message(QueueUrl=event["queue"], MessageBody=user["Username"])
    return {"statusCode": 201, "status": user["UserStatus"]}


@moto.mock_aws
@mock_aws
class TestLambda:
    def setup_method(self) -> None:
        """Create the pool here, and the queue at moto."""
        self.sqs = boto3.client("sqs", REGION)
        self.event = {
            "pool": make_pool(boto3.client("cognito-idp", REGION), UsernameAttributes=["email"]),
            "queue": self.sqs.create_queue(QueueName="jobs")["QueueUrl"],
            "email": "ada@example.com",
        }

    def test_invites(self) -> None:
        """The user must change the password, and a job is queued."""
        assert handler(self.event, None) == {"statusCode": 201, "status": "FORCE_CHANGE_PASSWORD"}
        assert len(self.sqs.receive_message(QueueUrl=self.event["queue"])["Messages"]) == 1

    def test_invites_once(self) -> None:
        """The second invitation is a conflict."""
        handler(self.event, None)

        assert handler(self.event, None) == {"statusCode": 409}


# ---- a set-up like Terraform's ------------------------------------------------------------------------


def apply(idp: Any, state: dict[str, str]) -> dict[str, str]:
    """Create or update a pool, its MFA and an app client."""
    settings: dict[str, Any] = {
        "Policies": {"PasswordPolicy": {"MinimumLength": 12}},
        "AutoVerifiedAttributes": ["email"],
    }
    if "pool" not in state:
        state["pool"] = make_pool(idp, **settings)
    idp.update_user_pool(UserPoolId=state["pool"], **settings)
    idp.set_user_pool_mfa_config(
        UserPoolId=state["pool"], MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )  # fmt: skip
    client = {"UserPoolId": state["pool"], "ClientName": "web", "TokenValidityUnits": {"IdToken": "hours"},
              "IdTokenValidity": 2, "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}  # fmt: skip
    if "client" in state:
        idp.update_user_pool_client(**client, ClientId=state["client"])
    else:
        app_client = idp.create_user_pool_client(**client, GenerateSecret=True)
        state["client"] = app_client["UserPoolClient"]["ClientId"]
    return state


@mock_aws()
def test_set_up_twice() -> None:
    """A second run changes nothing, and the settings read back are those that were written."""
    idp = boto3.client("cognito-idp", region_name=REGION)
    state = apply(idp, {})
    describe = {"UserPoolId": state["pool"], "ClientId": state["client"]}
    before = idp.describe_user_pool_client(**describe)["UserPoolClient"]
    assert apply(idp, state) == state
    after = idp.describe_user_pool_client(**describe)["UserPoolClient"]
    pool = idp.describe_user_pool(UserPoolId=state["pool"])["UserPool"]

    assert before["ClientSecret"] == after["ClientSecret"]
    assert (after["IdTokenValidity"], after["TokenValidityUnits"]["IdToken"]) == (2, "hours")
    assert (pool["MfaConfiguration"], pool["Policies"]["PasswordPolicy"]["MinimumLength"]) == ("OPTIONAL", 12)
    idp.delete_user_pool(UserPoolId=state["pool"])
    assert idp.list_user_pools(MaxResults=9)["UserPools"] == []


def test_uses_that_overlap_end_in_any_order() -> None:
    """When the last use ends, all patched methods are restored; one stop too many is an error."""
    owners = (
        (requests.Session, "send"),
        (httpx.HTTPTransport, "handle_request"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
    )
    before = [getattr(*each) for each in owners]
    first, second = mock_aws(), mock_aws()
    first.start()
    second.start()
    first.stop()
    assert [getattr(*each) for each in owners] != before
    second.stop()
    assert [getattr(*each) for each in owners] == before
    with pytest.raises(RuntimeError, match="nothing to stop"):
        second.stop()
