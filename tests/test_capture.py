"""`authfsm capture`: no secret is left in any encoding, and the shape stays."""

from __future__ import annotations

import base64
import contextlib
import csv
import gzip
import io
import json
import random
import re
import string
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from click.testing import CliRunner
from generate_vocabulary import fold_model
from hypothesis import given, settings
from hypothesis import strategies as st

from authfsm.cli import app
from authfsm.traces.anonymiser import AnonymisedText, UnreadableDocument, anonymise
from authfsm.traces.anonymiser import vocabulary as v

SEEDS = range(20)
LETTERS = string.ascii_letters
ALNUM = LETTERS + string.digits


# ---- documents with planted secrets -----------------------------------------------------------------


class Plants:
    """Makes random values that must not remain in an anonymised text, and remembers them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - test data
        self.secrets: list[str] = []

    def _plant(self, *secrets: str) -> str:
        self.secrets += secrets
        return secrets[0]

    def text(self, length: int, alphabet: str = ALNUM) -> str:
        """A text of random characters."""
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def name(self) -> str:
        """A name."""
        return self._plant(self.text(9, string.ascii_lowercase).title())

    def names(self) -> str:
        """A first and a last name."""
        first, last = self.name(), self.name()
        return f"{first} {last}"

    def key(self) -> str:
        """A key that the customer chooses."""
        return self._plant(self.random.choice(["", "custom:"]) + self.text(10)).strip()

    def email(self) -> str:
        """An e-mail address."""
        local, host = self.text(8, string.ascii_lowercase), self.text(9, string.ascii_lowercase)
        return self._plant(f"{local}@{host}.io", local, f"{host}.io")

    def phone(self) -> str:
        """A phone number."""
        return self._plant("+44" + self.text(9, "23456789"))

    def uuid(self) -> str:
        """A UUID."""
        return self._plant(str(uuid.UUID(int=self.random.getrandbits(128), version=4)))

    def device(self) -> str:
        """A device key."""
        return f"eu-west-1_{self.uuid()}"

    def pool(self) -> str:
        """A pool id."""
        return f"eu-west-1_{self._plant(self.text(9))}"

    def client(self) -> str:
        """An app client id."""
        return self._plant(self.text(26, string.ascii_lowercase + string.digits))

    def password(self) -> str:
        """A password."""
        return self._plant(
            self.text(5) + self.random.choice(["-", "!", "€", " ", "\\", '"', "'", "é", "="]) + self.text(7)
        )

    def code(self) -> str:
        """A one-time code."""
        return self._plant(self.text(6, "3456789"))

    def totp(self) -> str:
        """An authenticator's secret."""
        return self._plant(self.text(52, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))

    def hex(self) -> str:
        """A value of SRP."""
        return self._plant(self.text(self.random.choice([31, 32, 767, 768]), "0123456789abcdef"))

    def base64(self) -> str:
        """A value in base64."""
        return self._plant(base64.b64encode(self.random.randbytes(self.random.choice([33, 64, 100]))).decode())

    def session(self) -> str:
        """A Session."""
        return self._plant("AYABe" + self.text(200, ALNUM + "-_"))

    def ip(self) -> str:
        """An IPv4 address."""
        return self._plant(".".join(str(self.random.randint(11, 99)) for _ in range(4)))

    def ip6(self) -> str:
        """An IPv6 address."""
        return self._plant(":".join(self.text(4, "123456789abcdef") for _ in range(8)))

    def account(self) -> str:
        """An AWS account."""
        return self._plant(self.text(12, "23456789"))

    def arn(self) -> str:
        """An ARN."""
        return f"arn:aws:iam::{self.account()}:role/{self.name()}"

    def birthdate(self) -> str:
        """A date of birth."""
        return self._plant(
            f"19{self.random.randint(10, 99)}-{self.random.randint(1, 12):02d}-{self.random.randint(1, 28):02d}"
        )

    def masked(self) -> str:
        """A masked phone number."""
        return self._plant("+*******" + self.text(4, "3456789"))

    def access_key(self) -> str:
        """An access key's id."""
        return self._plant("AKIA" + self.text(16, string.ascii_uppercase + "234567"))

    def jwt(self) -> str:
        """A signed token."""
        claims = {
            "sub": self.uuid(), "cognito:groups": [self.name()], self.key(): self.name(), "email": self.email(),
            "iss": f"https://cognito-idp.eu-west-1.amazonaws.com/{self.pool()}", "token_use": "id", "aud": self.client(),
            "exp": 1700000000, "cognito:username": self.name(), "identities": [{"userId": self.account()}],
        }  # fmt: skip
        header = {"kid": self.base64(), "alg": "RS256"}
        parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in (header, claims)]
        return ".".join([*parts, self._plant(self.text(342))])

    def jwe(self) -> str:
        """An encrypted token."""
        header = base64.urlsafe_b64encode(b'{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}').decode().rstrip("=")
        return ".".join([header, *(self._plant(self.text(length)) for length in (342, 16, 400, 22))])

    def url(self) -> str:
        """A URL with secrets in each part."""
        return (
            f"https://{self.name().lower()}.{self.name().lower()}.org/cb/{self.name()}?code={self.uuid()}"
            f"&{self.key()}={quote(self.password())}#access_token={self.jwt()}"
        )

    def inner(self) -> str:
        """A value in JSON in a string of JSON."""
        return json.dumps({self.key(): json.dumps({self.key(): self.names(), "list": [self.email(), self.code()]})})

    def encoded(self) -> str:
        """JSON in base64."""
        return base64.b64encode(json.dumps({"payload": {self.key(): self.names(), "ip": self.ip()}}).encode()).decode()

    def number(self) -> int:
        """A number."""
        return int(self._plant(self.text(9, "3456789")))

    def any(self) -> Any:
        """A value of a random kind."""
        kinds: list[Callable[[], Any]] = [
            self.name, self.names, self.email, self.phone, self.uuid, self.device, self.pool, self.client,
            self.password, self.code, self.totp, self.hex, self.base64, self.session, self.ip, self.ip6, self.arn,
            self.birthdate, self.masked, self.access_key, self.jwt, self.jwe, self.url, self.inner, self.encoded,
            self.number,
        ]  # fmt: skip
        return self.random.choice(kinds)()

    def some(self) -> dict[str, Any]:
        """A map with keys and values that the customer chooses."""
        return {self.key(): self.any() for _ in range(4)} | {self.email(): self.any()}


def reply(p: Plants) -> str:
    """A reply with a challenge."""
    return json.dumps(
        {
            "ChallengeName": "CUSTOM_CHALLENGE",
            "Session": p.session(),
            "ChallengeParameters": {"USERNAME": p.name(), "CODE_DELIVERY_DESTINATION": p.masked(), **p.some()},
            "AvailableChallenges": ["PASSWORD"],
        }
    )


def tokens(p: Plants) -> str:
    """A reply with tokens."""
    result = {
        "AccessToken": p.jwt(),
        "IdToken": p.jwt(),
        "RefreshToken": p.jwe(),
        "TokenType": "Bearer",
        "ExpiresIn": 3600,
    }
    return json.dumps({"AuthenticationResult": {**result, "NewDeviceMetadata": {"DeviceKey": p.device()}}}, indent=1)


def request(p: Plants) -> str:
    """A request as Python prints it."""
    return repr(
        {
            "AuthFlow": "USER_SRP_AUTH",
            "ClientId": p.client(),
            "AuthParameters": {
                "USERNAME": p.email(),
                "PASSWORD": p.password(),
                "SRP_A": p.hex(),
                "SECRET_HASH": p.base64(),
            },
            "ClientMetadata": p.some(),
            "UserContextData": {"EncodedData": p.encoded(), "IpAddress": p.ip()},
        }
    )


def error(p: Plants) -> str:
    """An error with the text of a Lambda trigger."""
    return json.dumps(
        {
            "__type": "UserLambdaValidationException",
            "message": f"PreSignUp failed with error {p.names()} <{p.email()}> at {p.url()} has {p.password()} ({p.phone()}).",
            "Error": {"Code": "NotAuthorizedException", "Message": f"Client {p.client()} is {p.name()}"},
        }
    )


def events(p: Plants) -> str:
    """Two events of CloudTrail."""
    one = {
        "eventName": "InitiateAuth", "eventTime": "2024-04-04T03:28:29Z", "sourceIPAddress": p.ip(), "userAgent": f"Boto3/1.2 {p.name()}",
        "requestParameters": {"clientId": p.client(), "clientMetadata": p.some(), "authFlow": "CUSTOM_AUTH"},
        "additionalEventData": {"sub": p.uuid()}, "eventID": p.uuid(), "recipientAccountId": p.account(),
        "userIdentity": {"type": "IAMUser", "arn": p.arn(), "accessKeyId": p.access_key(), "userName": p.name()},
    }  # fmt: skip
    return json.dumps({"Records": [one, {"CloudTrailEvent": json.dumps({**one, p.key(): p.any()})}]})


def http(p: Plants) -> str:
    """A request and its reply as curl prints them."""
    body = json.dumps(
        {"AuthFlow": "USER_AUTH", "AuthParameters": {"USERNAME": p.name(), "PASSWORD": p.password()}, **p.some()}
    )
    return (
        f"> POST /?{p.key()}={quote(p.names())} HTTP/1.1\r\n> Host: {p.name().lower()}.corp.io\r\n"
        f"> Authorization: Bearer {p.jwt()}\r\n> X-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth\r\n"
        f"> Cookie: sid={p.base64()}; {p.key()}={p.client()}\r\n> X-{p.name()}: {p.names()}\r\n>\r\n{body}\n"
        f"< HTTP/1.1 400 Bad Request\n< x-amzn-requestid: {p.uuid()}\n< x-amzn-errormessage: {p.names()} may not\n\n{error(p)}\n"
    )


def log(p: Plants) -> str:
    """A log of botocore."""
    body = json.dumps({"ClientId": p.client(), "AuthParameters": {"USERNAME": p.email(), "PASSWORD": p.password()}})
    params = {"body": body.encode(), "headers": {"User-Agent": p.name()}, "url": f"https://{p.name().lower()}.test.io/"}
    return (
        f"2024-01-02 03:04:05,678 botocore.endpoint [DEBUG] Making request for OperationModel(name=InitiateAuth) with params: {params!r}\n"
        f"{p.names()} said {p.any()} and {p.key()}={p.any()}\nbotocore.parsers [DEBUG] Response body:\n{tokens(p).encode()!r}\n"
        f"Traceback: An error occurred (NotAuthorizedException) when calling the InitiateAuth operation: {p.names()} {p.email()}\n"
    )


def har(p: Plants) -> str:
    """A HAR file."""
    call = {
        "request": {"method": "POST", "url": p.url(), "headers": [{"name": "authorization", "value": p.jwt()}, {"name": p.key(), "value": p.names()}],
                    "cookies": [{"value": p.base64(), "name": p.key()}], "postData": {"mimeType": "application/x-amz-json-1.1", "text": reply(p)}},
        "response": {"status": 200, "content": {"size": 3, "encoding": "base64", "text": base64.b64encode(tokens(p).encode()).decode()}},
        "serverIPAddress": p.ip6(), "startedDateTime": "2024-01-02T03:04:05.678Z",
    }  # fmt: skip
    return json.dumps({"log": {"version": "1.2", "creator": {"name": p.name()}, "entries": [call]}})


def description(p: Plants) -> str:
    """Descriptions of a pool, its client and a user."""
    pool = {"Id": p.pool(), "Name": p.names(), "Arn": p.arn(), "LambdaConfig": {"PreSignUp": p.arn()}, "UserPoolTags": p.some(),
            "SchemaAttributes": [{"Name": p.key(), "AttributeDataType": "String"}], "EmailConfiguration": {"From": p.email()},
            "EmailVerificationMessage": f"Dear {p.names()}, {{####}} from {p.email()}", "EstimatedNumberOfUsers": p.number()}  # fmt: skip
    client = {
        "ClientName": p.name(),
        "ClientId": p.client(),
        "ClientSecret": p.client() + p.client(),
        "CallbackURLs": [p.url()],
        "ReadAttributes": [p.key(), "email"],
    }
    user = {
        "Username": p.uuid(),
        "UserAttributes": [{"Name": "birthdate", "Value": p.birthdate()}, {"Name": p.key(), "Value": p.any()}],
    }
    return "\n".join(json.dumps(each) for each in ({"UserPool": pool}, {"UserPoolClient": client}, user))


def steps(p: Plants) -> str:
    """The lines of a recorder."""
    line = {
        "sign_in": p.hex(),
        "step": 1,
        "from": "START",
        "response": "user_auth",
        "to": "SELECT_CHALLENGE",
        "seconds": 0.1,
        p.key(): p.any(),
    }
    return f"{json.dumps(line)}\n{json.dumps({**line, 'step': 2, 'error': p.name()})}\n"


def athena(p: Plants) -> str:
    """The CSV of an Athena query."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["eventtime", "eventname", "requestparameters", "useridentity", "sourceipaddress", "more"])
    for _ in range(3):
        parameters = json.dumps({"authFlow": "CUSTOM_AUTH", "clientId": p.client(), "clientMetadata": p.some()})
        who = f"{{type=Unknown, principalid=Anonymous, arn=null, username={p.name()}}}"
        writer.writerow(["2024-04-04T03:28:29Z", "InitiateAuth", parameters, who, p.ip(), p.any()])
    return out.getvalue()


def javascript(p: Plants) -> str:
    """An object as Node prints it."""
    return (
        f"{{\n  '$metadata': {{ httpStatusCode: 200, requestId: '{p.uuid()}' }},\n  ChallengeName: 'SMS_MFA',\n"
        f"  {p.name()}: {p.name()},\n  Session: '{p.session()}',\n  ChallengeParameters: {{ USERNAME: \"{p.email()}\", x: `{p.names()}` }}\n}}\n"
    )


DOCUMENTS = [reply, tokens, request, error, events, http, log, har, description, steps, athena, javascript]


# ---- search for secrets -----------------------------------------------------------------------------


def spellings(secret: str) -> set[str]:
    """The forms in which a secret can still be read: plain, escaped, percent-encoded, hexadecimal, base64."""
    data = secret.encode()
    encodings = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), data.hex()}
    for before in range(3):
        # What is left of it wherever in a text in base64 it stands.
        encoded = base64.b64encode(b"\0" * before + data).decode()
        part = encoded[[0, 2, 3][before] : len(encoded) - (4 if encoded.endswith("=") else 0)]
        encodings |= {part, part.translate(str.maketrans("+/", "-_"))}
    return {each.casefold() for each in encodings if len(each) >= 5}


def decoded_texts(text: str, depth: int = 4) -> list[str]:
    """Return a text and the texts that are encoded in it: JSON strings, base64, percent-encoding."""
    texts = [text]
    if depth:
        for each in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
            try:
                data = base64.urlsafe_b64decode(each.translate(str.maketrans("+/", "-_")) + "=" * (-len(each) % 4))
                texts += decoded_texts(data.decode("utf-8"), depth - 1) if data.isascii() else []
            except ValueError:
                continue
    return [*texts, unquote(text), text.replace("\\", "")]


def remaining_secrets(secrets: list[str], text: str) -> set[str]:
    """Return the secrets that a text still contains."""
    haystack = "\n".join(decoded_texts(text)).casefold()
    remaining = set()
    for secret in secrets:
        for each in spellings(secret):
            short = each.isdigit() and len(each) < 8
            if each in haystack and (not short or re.search(rf"(?<!\w){each}(?!\w)", haystack)):
                remaining.add(secret)
    return remaining


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.__name__)
def test_no_secret_is_left(document: Callable[[Plants], str]) -> None:
    """Each kind of text has at least 100 secrets; none is left, plain or encoded, in upper or lower case."""
    secret_count = 0
    for seed in SEEDS:
        plants = Plants(seed)
        text = document(plants)
        assert remaining_secrets(plants.secrets, text), "the search finds what is there"
        anonymised = anonymise(text)
        assert remaining_secrets(plants.secrets, anonymised.text) == set()
        secret_count += len(plants.secrets)
    assert secret_count >= 100


def test_a_file_with_a_thousand_secrets() -> None:
    """None of a thousand secrets in one file is left, and equal values stay equal."""
    plants = Plants(7)
    lines = []
    while len(plants.secrets) < 1000:
        lines.append(json.dumps(json.loads(plants.random.choice([reply, tokens, error, events, har])(plants))))
    lines += lines[:5]
    anonymised = anonymise("\n".join(lines)).text
    assert remaining_secrets(plants.secrets, anonymised) == set()
    rows = anonymised.split("\n")
    assert rows[-5:] == rows[:5]


secrets = st.text(min_size=6, max_size=30).filter(
    lambda each: (
        sum(c.isalnum() for c in each) >= 5
        and not v.is_name(each.strip())
        and not re.search(r"\w*(?:true|false|amazon)\w*", each.lower())
    )
)
trees = st.recursive(
    st.none() | st.booleans() | secrets | st.integers(10**6, 10**9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(secrets | st.sampled_from(["Session", "USERNAME", "message", "Value", "Name", "exp"]), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def texts_of(tree: Any) -> list[str]:
    """Return all texts and numbers of a tree, including its keys."""
    if isinstance(tree, dict):
        return [each for key, value in tree.items() for each in ([] if v.is_name(key) else [key]) + texts_of(value)]
    if isinstance(tree, list):
        return [each for value in tree for each in texts_of(value)]
    return [str(tree)] if tree is not None and not isinstance(tree, bool) else []


def shape_of(tree: Any) -> Any:
    """Return a tree's structure: types, and numbers of members."""
    if isinstance(tree, dict):
        return [shape_of(each) for each in tree.values()]
    if isinstance(tree, list):
        return [shape_of(each) for each in tree]
    return type(tree)


@settings(max_examples=150, deadline=None)
@given(
    tree=trees.filter(lambda each: isinstance(each, (dict, list))),
    indent=st.sampled_from([None, 1]),
    ascii_=st.booleans(),
)
def test_any_json(tree: Any, indent: int | None, *, ascii_: bool) -> None:
    """All values in any JSON are replaced, and its structure stays."""
    anonymised = anonymise(json.dumps(tree, indent=indent, ensure_ascii=ascii_))
    folded_text = json.dumps(json.loads(anonymised.text), ensure_ascii=False).casefold()
    for each in texts_of(tree):
        words = [word for word in re.findall(r"\w+", each) if len(word) >= 6]
        assert not any(
            re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", folded_text)
            for word in words
            if word.lower() not in v.NAMES
        )
    assert shape_of(json.loads(anonymised.text)) == shape_of(tree)


# ---- structure of the output ----------------------------------------------------------------------------


def anonymised_tree(tree: Any) -> Any:
    """Return anonymised JSON."""
    return json.loads(anonymise(json.dumps(tree)).text)


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("0b5e7a52-1c2d-4e3f-9a8b-7c6d5e4f3a2b", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("eu-central-1_0b5e7a52-1c2d-4e3f-9a8b-7c6d5e4f3a2b", r"eu-central-1_aaaaaaaa-[0-9a-f-]{27}"),
        ("eu-west-1_Ab3dEfGhI", r"eu-west-1_[A-Z]{9}"),
        ("1" * 5 + "af" * 13, r"[0-9a-f]{31}"),
        ("ada.lovelace@corp.io", r"[a-z]{8}@example\.com"),
        ("+447911123456", r"\+1555\d{8}"),
        ("a***@c***", r"[a-z]\*\*\*@[a-z]\*\*\*"),
        ("+*******6543", r"\+\*{7}\d{4}"),
        ("arn:aws:iam::123456789012:role/deploy", r"arn:aws:iam::\d{12}:role/[a-z]{6}"),
        ("81.2.69.142", r"192\.0\.2\.\d+"),
        ("2a02:8108::17", r"2001:db8::[0-9a-f]+"),
        ("2023-05-14T10:22:31.114+02:00", r"2020-01-01T02:00:00\.000\+02:00"),
        ("2023-05-14 10:22:31.114 UTC", r"2020-01-01 00:00:00\.000 UTC"),  # as Athena prints it
        ("Wed, 17 May 2023 10:22:31 GMT", r"Wed, 01 Jan 2020 00:00:00 GMT"),
        ("Wed May 17 10:22:31 UTC 2023", r"Wed Jan 1 00:00:00 UTC 2020"),
        ("QUJDREVGR0hJSktMTU5PUFFSU1RVVg==", r"[A-Za-z0-9]{30}=="),
        ("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", r"[A-Z2-7]{32}"),
        ("834217", r"\d{6}"),
        ("1815-12-10", r"2000-\d\d-\d\d"),
        ("auth.corporation.io", r"[a-z]{7}\.example\.com"),
        ("https://shop.corporation.io/cb/x?code=81734", r"https://[a-z]{7}\.example\.com/[a-z]{2}/[a-z]\?code=\d{5}"),
        ("Zürich 8001", r"[A-Z][a-z]{5} \d{4}"),
    ],
)  # fmt: skip
def test_a_value_keeps_its_type(value: str, pattern: str) -> None:
    """The placeholder of a UUID is a UUID, that of an e-mail address an e-mail address, and so on."""
    anonymised = anonymised_tree({"ClientMetadata": {"one": value, "two": [value]}})
    first, second = (each for each in anonymised["ClientMetadata"].values())
    assert re.fullmatch(pattern, first)
    assert second == [first] != [value]


@pytest.mark.parametrize(
    ("times", "shifted"),
    [
        (("1.700000000123E9", "1.7000000001234567E9"), ("1.577836800000E9", "1.5778368000000000E9")),
        (("1.7E9", "1.70000000512E+9"), ("1.577836800E9", "1.57783680500E+9")),
        (("1.7E9", "1700000060.5"), ("1.577836800E9", "1577836860.0")),
        (("1700000000", "1.000000001E9"), ("1577836800", None)),  # it would get another power of ten
    ],
)
def test_times_in_scientific_notation(times: tuple[str, str], shifted: tuple[str, str | None]) -> None:
    """Seconds since 1970, as Java prints them, are shifted like other times, and keep their form."""
    first, second = times
    text = anonymise(f'{{"UserCreateDate":{first},"UserLastModifiedDate":{second}}}').text
    found = re.findall(r"[\d.]+(?:E\+?\d)?(?=[,}])", text)
    assert found[0] == shifted[0]
    assert shifted[1] in {None, found[1]}
    assert found[1] != second


def test_tokens_keep_their_parts() -> None:
    """A token keeps its algorithm, the names of its claims and its length; times keep their distances."""
    claims = {
        "sub": "5f0c9a7e-7425-40de-944b-e07fc1f90ae7",
        "token_use": "access",
        "iat": 1700000000,
        "exp": 1700003600,
        "username": "ada",
        "custom:a": 7,
    }
    parts = [
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
        for each in ({"kid": "Zm9vYmFy=", "alg": "RS256"}, claims)
    ]
    token = ".".join([*parts, "c2ln" * 20])
    anonymised = anonymised_tree({"AccessToken": token, "USERNAME": "ada", "Session": "AYABe" + "b1C" * 20})
    head, body, signature = anonymised["AccessToken"].split(".")
    jwt_header, jwt_claims = (json.loads(base64.urlsafe_b64decode(each + "==")) for each in (head, body))

    assert [len(each) for each in (head, body, signature)] == [len(each) for each in token.split(".")]
    assert (jwt_header["alg"], jwt_claims["token_use"], jwt_claims["exp"] - jwt_claims["iat"]) == (
        "RS256",
        "access",
        3600,
    )
    assert jwt_claims["username"] == anonymised["USERNAME"] != "ada"
    assert jwt_claims["iat"] == 1577836800
    assert anonymised["Session"].startswith("AYABe")


UNCHANGED = [
    {"ChallengeName": "SELECT_CHALLENGE", "AvailableChallenges": ["PASSWORD_SRP", "WEB_AUTHN"], "ChallengeParameters": {}},
    {"ChallengeParameters": {"MFAS_CAN_SETUP": '["SMS_MFA", "SOFTWARE_TOKEN_MFA"]', "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS"}},
    {"__type": "CodeMismatchException", "message": "Invalid code or auth state for the user."},
    {"Error": {"Code": "NotAuthorizedException", "Message": "Refresh Token has been revoked"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
    {"AuthFlow": "USER_SRP_AUTH", "ClientMetadata": None},
    {"MfaConfiguration": "ON", "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True}, "AccessTokenValidity": 60},
    {"eventName": "InitiateAuth", "responseElements": {"challengeName": "SMS_MFA", "session": "HIDDEN_DUE_TO_SECURITY_REASONS"}},
    {"sign_in": "", "step": 2, "from": "SMS_MFA", "response": "code", "to": "FAILED", "action": "GIVE_UP", "seconds": 0.183},
    {"ChallengeParameters": {"requiredAttributes": '["userAttributes.name"]', "userAttributes": '{"email_verified":"true"}'}},
    {"message": "Password does not conform to policy: Password not long enough"},
]  # fmt: skip


@pytest.mark.parametrize("tree", UNCHANGED, ids=lambda each: next(iter(each)))
def test_names_of_the_api_are_kept(tree: dict[str, Any]) -> None:
    """Challenges, flows, operations, error codes, known messages, settings and members stay as they are."""
    assert anonymised_tree(tree) == tree


def test_the_variable_parts_of_a_message_are_replaced() -> None:
    """The variable parts of a known message are replaced, and all words of an unknown one."""
    anonymised = anonymised_tree(
        {"message": "User pool client 4k2jd92kd02kd02kd0 does not exist.", "errorMessage": "Ada may not"}
    )
    assert re.fullmatch(r"User pool client [0-9a-z]{18} does not exist\.", anonymised["message"])
    assert anonymised["errorMessage"] != "Ada may not"
    assert len(anonymised["errorMessage"]) == 11


def test_a_user_named_like_a_word_of_the_api() -> None:
    """Under a key without documented values no value stays, not even one that Cognito uses elsewhere."""
    anonymised = anonymised_tree(
        {"AuthParameters": {"USERNAME": "SMS_MFA", "PASSWORD": "PASSWORD"}, "ClientName": "ENABLED"}
    )
    assert set(anonymised["AuthParameters"].values()) | {anonymised["ClientName"]} & {"SMS_MFA", "PASSWORD", "ENABLED"} == {
        anonymised["AuthParameters"]["USERNAME"], anonymised["AuthParameters"]["PASSWORD"]
    }  # fmt: skip
    assert not {"SMS_MFA", "PASSWORD"} & set(anonymised["AuthParameters"].values())


def test_values_in_custom_maps_are_replaced() -> None:
    """Under ClientMetadata, tags and unknown parameters even Cognito's words and small numbers are replaced."""
    own = {"Status": "CONFIRMED", "version": 834217, "ChallengeName": "SMS_MFA", "size": "1234", "iat": 1700000000}
    for name in ("ClientMetadata", "UserPoolTags", "ValidationData"):
        anonymised = anonymised_tree({name: {**own, "deeper": [own]}})
        left_values = [each for each in leaves(anonymised) if each in own.values()]
        assert left_values == []
    assert anonymised_tree({"ChallengeParameters": {"size": "1234", "Status": "CONFIRMED"}})[
        "ChallengeParameters"
    ].keys() == {"size", "Status"}
    assert "1234" not in anonymise(json.dumps({"ChallengeParameters": {"size": "1234"}})).text


def leaves(tree: Any) -> list[Any]:
    """Return all values of a tree."""
    if isinstance(tree, dict):
        return [each for value in tree.values() for each in leaves(value)]
    if isinstance(tree, list):
        return [each for value in tree for each in leaves(value)]
    return [tree]


def test_white_space_and_order_are_kept() -> None:
    """Only values change; the text between them stays."""
    text = '{ "Session" :\t"abc",\n\n"ExpiresIn":3600 , "Session":"abc"}\n'
    assert anonymise(text).text == text.replace("abc", json.loads(anonymise(text).text)["Session"])


def test_unknown_values_are_reported_and_can_be_kept() -> None:
    """An unknown challenge is replaced and reported by its key; `keep` keeps it."""
    text = '{"ChallengeName": "RETINA_SCAN"}'
    assert (anonymise(text).text, dict(anonymise(text).unknown)) == (
        '{"ChallengeName": "XXXXXX_XXXX"}',
        {"ChallengeName": 1},
    )
    assert anonymise(text, keep=["RETINA_SCAN"]).text == text
    assert anonymise(text, keep="RETINA_SCAN").text == text


def test_times_that_occur_twice_are_one_value() -> None:
    """The counts are of different values, so a time that occurs three times counts once."""
    text = '{"exp": 1700000000, "iat": 1700000000, "auth_time": "1700000000", "nbf": 1700000001}'
    assert anonymise(text).replaced == {"times": 2}


def test_times_that_cannot_be_shifted() -> None:
    """If a time would be shifted to before the year 1, it is replaced as a number, and is no error."""
    result = anonymise('{"eventTime": "9999-12-31T00:00:00Z", "exp": 1700000000}')
    assert json.loads(result.text)["eventTime"] == "2020-01-01T00:00:00Z"
    assert "1700000000" not in result.text


@pytest.mark.parametrize("secret", ['[17, true, "a"]', '{"ClientId": false}', '"quoted"'])
def test_only_the_length_of_a_secret_stays(secret: str) -> None:
    """A password that is JSON by chance is replaced as a whole, and shows nothing of its structure."""
    result = anonymise(json.dumps({"AuthParameters": {"PASSWORD": secret}}))
    assert json.loads(result.text) == {"AuthParameters": {"PASSWORD": "x" * len(secret)}}


def test_a_csv_never_lowers_the_limit_of_the_process() -> None:
    """A short CSV leaves `csv.field_size_limit`, which belongs to the whole process, as it was; a long cell is read."""
    limit = csv.field_size_limit()
    anonymise("eventname,more\n1,2\n")
    assert csv.field_size_limit() == limit
    long = anonymise(f"eventname,more\nInitiateAuth,{'x' * (limit + 1)}\n").text
    assert len(long) > limit


def test_a_csv_of_athena_keeps_its_columns() -> None:
    """The columns, the flow and the type of identity stay; a row with other columns is an error."""
    anonymised = list(csv.DictReader(io.StringIO(anonymise(athena(Plants(1))).text)))
    assert len(anonymised) == 3
    assert anonymised[0]["eventname"] == "InitiateAuth"
    assert json.loads(anonymised[0]["requestparameters"])["authFlow"] == "CUSTOM_AUTH"
    assert anonymised[0]["useridentity"].startswith("{type=Unknown, principalid=Anonymous, arn=null, username=X")
    with pytest.raises(UnreadableDocument, match="columns"):
        anonymise("eventtime,eventname\na,b,c\n")
    with pytest.raises(UnreadableDocument, match="CSV"):
        anonymise('eventtime,eventname\n"a,b\n')


def test_anonymising_twice() -> None:
    """An anonymised text can be anonymised again, and keeps its shape."""
    once = anonymise(reply(Plants(1)))
    assert isinstance(once, AnonymisedText)
    assert len(anonymise(once.text).text) == len(once.text)


def test_many_unclosed_brackets() -> None:
    """After any number of brackets that are never closed, an object on a line of its own is still read."""
    text = "log { unclosed\n" * 60 + "{'ChallengeName': 'SMS_MFA', 'Session': 'secret'}\n"

    assert "{'ChallengeName': 'SMS_MFA', 'Session': 'xxxxxx'}" in anonymise(text).text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("Dear Sir, Ada writes.", "it contains no name of Cognito's API"),
        ('{"Session": "abc', "line 1, column 13"),
        ('{"a": 1}\n{"a": }\n', "line 2, column 7"),
        ("[" * 100_000, "is nested too deeply: give only the part inside that you need"),
        ("17 18", "it contains no name of Cognito's API"),
        ("POST / HTTP/1.1\n\n{'ChallengeName': 'SMS_MFA'", "line 3 ends in the middle"),
        ('"USER_AUTH" null', "a number, true, false or null outside of an object"),
    ],
)
def test_unreadable_texts(text: str, why: str) -> None:
    """The error says what is wrong and where, and quotes nothing of the text."""
    with pytest.raises(UnreadableDocument, match=why) as caught:
        anonymise(text)
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    "piece",
    [
        '"',
        "'",
        "`",
        '\\"',
        "{",
        "[",
        "(",
        "a=",
        "a.",
        "...",
        "a@",
        "%41",
        "1:",
        "::",
        "*",
        "AYABe",
        "datetime.datetime(",
        "{'a': \"b",
        "x: ",
        "\n> ",
        "eyJ",
        "failed with error ",
        "https://a?",
    ],
)
def test_the_time_it_takes_is_bounded(piece: str) -> None:
    """Any piece repeated 3,000 times, unclosed quotes and brackets too, takes less than five seconds."""
    start = time.process_time()
    for text in (
        f"ChallengeName: {piece * 3000}x",
        f'{{"Session": "abc"}} {piece * 3000}x',
        json.dumps({"message": piece * 3000 + "x"}),
    ):
        with contextlib.suppress(UnreadableDocument):
            anonymise(text)
    assert time.process_time() - start < 5


def test_the_vocabulary_has_what_botocore_has() -> None:
    """Every operation, error, member and value of the installed botocore's model is in the vocabulary."""
    theirs = fold_model()
    ours = json.loads((Path(v.__file__).parent / "vocabulary.json").read_bytes())
    assert set(theirs["operations"]) <= set(ours["operations"])
    assert set(theirs["errors"]) <= set(ours["errors"])
    assert [name for name in theirs["types"] if not v.is_name(name)] == []
    for member, words in theirs["values"].items():
        assert [word for word in words if not v.stays(member.lower(), word)] == []


# ---- the command ----------------------------------------------------------------------------------------


def run(*args: str, text: str | bytes | None = None) -> Any:
    """Run the command."""
    return CliRunner().invoke(app, ["capture", *args], input=text)


def test_the_command(tmp_path: Path) -> None:
    """The anonymised text goes to standard output or a file, the counts of replaced values to standard error."""
    text = '{"Session": "AYABeSecretSecret", "ChallengeName": "SMS_MFA"}\n'
    file, out = tmp_path / "reply.json", tmp_path / "neutral.json"
    file.write_text(text, encoding="utf-8")

    to_stdout, to_file, from_stdin = run(str(file)), run(str(file), "-o", str(out)), run("-", text=text)

    assert (to_stdout.exit_code, to_file.exit_code, from_stdin.exit_code) == (0, 0, 0)
    assert to_stdout.stdout == from_stdin.stdout == out.read_text(encoding="utf-8") == anonymise(text).text
    assert to_file.stdout == ""
    assert "Secret" not in to_stdout.output
    assert "Number of distinct values replaced: 1 sessions." in to_file.stderr
    assert "Read the result before you publish it." in to_file.stderr


def test_compressed_and_in_utf_16(tmp_path: Path) -> None:
    """CloudTrail's gzip and PowerShell's UTF-16 are read."""
    text = '{"Session": "AYABeSecretSecret"}'
    for data in (gzip.compress(text.encode()), text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode()):
        (tmp_path / "file").write_bytes(data)
        assert run(str(tmp_path / "file")).stdout == anonymise(text).text


def test_joined_gzip_files(tmp_path: Path) -> None:
    """Every part of a file is read that several gzip files were joined to, as `cat` and log shippers join them."""
    lines = ['{"Session": "AYABeSecretSecret"}\n', '{"ChallengeName": "SMS_MFA"}\n']
    (tmp_path / "file").write_bytes(b"".join(gzip.compress(each.encode()) for each in lines))
    assert run(str(tmp_path / "file")).stdout == anonymise("".join(lines)).text


@pytest.mark.parametrize("rest", [b"Secret", b"\0\0Secret", b"\0"])
def test_bytes_after_gzip_data(tmp_path: Path, rest: bytes) -> None:
    """Bytes after gzip data are left out with a message, as `gzip -dc` does, and zero bytes without one."""
    text = '{"Session": "AYABeSecretSecret"}\n' * 1000
    file = tmp_path / "file"
    file.write_bytes(gzip.compress(text.encode()) + rest)
    result = run(str(file))
    left_out = f"{file}: the bytes after its gzip data are not gzip data, and were left out.\n"
    assert (result.exit_code, result.stdout) == (0, anonymise(text).text)
    assert (left_out in result.stderr) == rest.endswith(b"Secret")
    assert "Secret" not in result.stderr
    assert run("-", text=file.read_bytes()).stderr == result.stderr.replace(str(file), "standard input")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x00\x01", "is a binary file"),
        (b"\xff\x00\xfe", "not UTF-8"),
        (b'{"Session": "Secret', "begins like JSON"),
        (gzip.compress(b"{}" * 100)[:9] + b"x" * 30, "gzip data is damaged"),
        (gzip.compress(b'{"Session": "Secret"}\n')[:-8], "gzip data is damaged"),
        (gzip.compress(b'{"Session": "Secret"}\n') + b"\x1f\x8bSecret", "gzip data is damaged"),
    ],
    ids=["binary", "encoding", "cut", "gzip", "gzip cut before its checksum", "damaged gzip after gzip"],
)
def test_the_command_writes_nothing_where_it_cannot_read(tmp_path: Path, data: bytes, why: str) -> None:
    """For unreadable input the command fails with one line, which names the input, and writes no file."""
    file, out = tmp_path / "file", tmp_path / "out"
    file.write_bytes(data)
    result = run(str(file), "-o", str(out))
    assert (result.exit_code, result.stdout, out.exists()) == (1, "", False)
    assert f"{file} cannot be read: " in result.stderr
    assert why in result.stderr
    assert "Secret" not in result.stderr
    piped = run("-", text=data)
    assert piped.stderr == result.stderr.replace(str(file), "standard input")


def test_the_input_file_is_not_overwritten(tmp_path: Path) -> None:
    """-o must name another file than the input."""
    file = tmp_path / "file"
    file.write_text('{"Session": "abc"}', encoding="utf-8")
    result = run(str(file), "-o", str(file))
    assert result.exit_code == 2
    assert file.read_text(encoding="utf-8") == '{"Session": "abc"}'
    assert run(str(tmp_path / "none")).exit_code == 1
