"""SRP gives the same bytes as independent implementations, and client and server agree."""

from __future__ import annotations

import base64
import copy
import json
import locale
import os
import random
import shutil
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gmpy2
import pycognito.aws_srp as pyc
import pytest
import srp as standard
import srp._pysrp as without_openssl
import warrant_lite as war
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from authfsm import srp
from authfsm.base.secret import MASK, Secret
from authfsm.srp import Ephemeral, ServerEphemeral, SrpRefused, TimestampFormat

try:
    import srp._ctsrp as with_openssl
except (ImportError, OSError):  # as srp itself has it: no libssl.so here
    BACK_ENDS = [without_openssl]
else:
    BACK_ENDS = [with_openssl, without_openssl]

N, g, k = srp.N, srp.g, srp.k
POOL = "eu-west-1_AbCdEfGhI"
USER = "5c3c1a2e-0000-4000-8000-000000000001"
GROUP, DEVICE = "-ExAmPlE1", "eu-west-1_0b1c2d3e-0000-4000-8000-000000000002"
BLOCK = bytes(range(64))
STAMP = "Tue Sep 5 07:08:09 UTC 2023"
VECTORS = json.loads((Path(__file__).parent / "srp_vectors.json").read_text("utf-8"))

EDGES = [n for bits in (1, 7, 8, 9, 64, 3063, 3064, 3065, 3071) for n in (2**bits - 1, 2**bits)]
"""Integers near the limits of a byte and of N: top bit set and clear, odd and even digits."""

quick = settings(deadline=None, max_examples=1000)
proofs = settings(deadline=None, max_examples=30)


def client(entropy: int) -> Ephemeral:
    """Return our client's key pair for this a."""
    return srp.ephemeral(entropy.to_bytes(32, "big"))


def pycognitos(a: int | None = None, **device: str) -> Any:
    """Return a client of pycognito's with this a."""
    theirs = pyc.AWSSRP("ada", "pa:ss", POOL, "client", client=object(), **device)
    if a is not None:
        theirs.small_a_value, theirs.large_a_value = a, int(gmpy2.powmod(g, a, N))
    return theirs


def warrants(mine: Ephemeral) -> Any:
    """Return a client of warrant-lite's with our a."""
    theirs = object.__new__(war.WarrantLite)
    theirs.pool_id, theirs.big_n, theirs.g, theirs.k = POOL, N, g, k
    theirs.small_a_value, theirs.large_a_value = mine.a.reveal(), mine.A
    return theirs


def pycognitos_x(realm: str, name: str, password: str, salt: int) -> int:
    """Return the x of pycognito's two key functions."""
    identity = pyc.hash_sha256(f"{realm}{name}:{password}".encode())
    return int(pyc.hex_to_long(pyc.hex_hash(pyc.pad_hex(salt) + identity)))


# The constants.


def test_N_is_the_prime_of_RFC_3526() -> None:
    """N is 2^3072 - 2^3008 - 1 + 2^64 ([2^2942 pi] + 1690314), as in both other implementations."""
    with gmpy2.context(precision=3200):
        digits_of_pi = int(gmpy2.floor(gmpy2.const_pi() * gmpy2.mpz(2) ** 2942))
    assert 2**3072 - 2**3008 - 1 + 2**64 * (digits_of_pi + 1690314) == N
    assert int(pyc.N_HEX, 16) == int(war.n_hex, 16) == N
    assert gmpy2.is_prime(N)
    assert int(pyc.G_HEX, 16) == g


def test_k_equals_that_of_other_clients() -> None:
    """k is hashed over "00" + N + "02", as in pycognito."""
    assert pycognitos().val_k == k


def test_import_is_lazy() -> None:
    """Importing the module imports neither srp nor gmpy2."""
    code = "import sys, authfsm.srp; print({'srp', 'gmpy2', 'srp._ctsrp'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "set()"


# The vectors.


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["password"])
def test_vectors(vector: dict[str, str]) -> None:
    """Every value of the vectors is right, step by step, on both sides."""
    a, b, v, S_key = (int(vector[name], 16) for name in ("a", "b", "v", "key"))
    A, B = srp.from_hex(vector["SRP_A"], "A"), srp.from_hex(vector["SRP_B"], "B")
    salt = srp.from_hex(vector["salt"], "SALT")
    realm, name = srp.pool_name(vector["pool_id"]), vector["user_id_for_srp"]
    x = srp.private_key(realm, name, vector["password"], salt)
    mine, server = Ephemeral(Secret(a), A), ServerEphemeral(Secret(b), B)

    assert pow(g, a, N) == A
    assert vector["SRP_A"] == mine.SRP_A
    assert int(vector["k"], 16) == k
    assert int(vector["x"], 16) == x
    assert v == srp.verifier(x)
    assert (k * v + pow(g, b, N)) % N == B
    assert int(vector["u"], 16) == srp.scrambler(A, B)
    assert S_key == int.from_bytes(srp.client_key(mine, B, x), "big")
    assert S_key == int.from_bytes(srp.server_key(server, A, v), "big")
    signature = srp.claim_signature(
        mine,
        realm=realm,
        name=name,
        password=vector["password"],
        salt=salt,
        B=B,
        secret_block=vector["secret_block"],
        timestamp=vector["timestamp"],
    )
    assert vector["signature"] == signature
    block = base64.b64decode(vector["secret_block"])
    key = S_key.to_bytes(16, "big")
    assert srp.verify(key, realm, name, block, vector["timestamp"], signature)


# Piece by piece, against pycognito and warrant-lite.


@quick
@given(st.integers(0, 2**3080) | st.integers(0, 2**20) | st.sampled_from(EDGES))
def test_padding(n: int) -> None:
    """`padded` is the others' padHex, `to_hex` their long_to_hex, and `from_hex` reads both."""
    assert pyc.pad_hex(n) == war.pad_hex(n) == srp.padded(n).hex()
    assert pyc.long_to_hex(n) == srp.to_hex(n)
    assert n == srp.from_hex(srp.to_hex(n), "A") == srp.from_hex(srp.padded(n).hex().upper(), "A")


def test_random_values_agree_with_other_libraries() -> None:
    """u, x, key and SECRET_HASH of 3,000 random values are those of both others."""
    rng = random.Random(1)
    alphabet = string.printable + "äßéłñ→π漢字🔑\u0301\u202e"
    for _ in range(3000):
        A, B, S = (rng.getrandbits(rng.choice((64, 3050, 3071))) + 1 for _ in range(3))
        realm, name, password = ("".join(rng.choices(alphabet, k=9)) for _ in range(3))
        salt = rng.getrandbits(rng.choice((128, 120, 7, 8)))
        u = srp.scrambler(A, B)
        assert pyc.calculate_u(A, B) == war.calculate_u(A, B) == u
        assert pycognitos_x(realm, name, password, salt) == srp.private_key(realm, name, password, salt)
        hkdf = (bytearray.fromhex(pyc.pad_hex(S)), bytearray.fromhex(pyc.pad_hex(u)))
        assert pyc.compute_hkdf(*hkdf) == war.compute_hkdf(*hkdf) == srp.derived_key(S, u)
        hashed = srp.secret_hash(name, realm, password)
        assert pyc.AWSSRP.get_secret_hash(name, realm, password) == hashed
        assert war.WarrantLite.get_secret_hash(name, realm, password) == hashed


@pytest.mark.parametrize("digits", [1, 2, 30, 31, 32])
def test_leading_zeros_of_a_salt_do_not_count(digits: int) -> None:
    """Leading zeros of a SALT do not change x."""
    text = "9" * digits
    salts = {srp.from_hex(zeros + text, "SALT") for zeros in ("", "0", "00", "0000")}
    assert {int(text, 16)} == salts


# Whole proofs.


@pytest.mark.parametrize("B", [*EDGES[:-1], N - 1, N + 1, 2**3072 - 1])
def test_key_at_the_edges_of_B(B: int) -> None:
    """With short and long A and B, top bits set and clear, the key is pycognito's."""
    mine = client(B % 11 + 1)
    x = srp.private_key("AbCdEfGhI", "ada", "pa:ss", 0x00BC)
    theirs = pycognitos(mine.a.reveal()).get_password_authentication_key
    assert theirs("ada", "pa:ss", B, 0x00BC) == srp.client_key(mine, B, x)


def test_key_where_S_is_zero() -> None:
    """If S = 0 (B is k v), the key is pycognito's."""
    mine = client(2**255 + 1)
    x = srp.private_key("AbCdEfGhI", "ada", "pa:ss", 1)
    B = k * srp.verifier(x) % N
    theirs = pycognitos(mine.a.reveal()).get_password_authentication_key
    assert srp.shared_secret(mine, B, x) == 0
    assert theirs("ada", "pa:ss", B, 1) == srp.client_key(mine, B, x)


def test_claim_equals_that_of_warrant_lite() -> None:
    """The proof is warrant-lite's, for passwords of any script."""
    rng = random.Random(2)
    for password in ("a", "pässwörd→", "漢字", "🔑" * 40, " : ", "e\u0301"):
        mine, B, salt = client(rng.getrandbits(256)), rng.randrange(1, N), rng.getrandbits(128)
        key = warrants(mine).get_password_authentication_key(USER, password, B, salt)
        assert key == srp.client_key(mine, B, srp.private_key("AbCdEfGhI", USER, password, salt))


def test_pycognito_proves_a_password_to_this_packages_server() -> None:
    """Our server verifies pycognito's proof, which is that of our client."""
    rng = random.Random(3)
    for _ in range(8):
        salt = rng.getrandbits(rng.choice((128, 120)))
        v = srp.verifier(srp.private_key("AbCdEfGhI", USER, "pa:ss", salt))
        theirs = pycognitos()
        mine = Ephemeral(Secret(theirs.small_a_value), theirs.large_a_value)
        A = srp.from_hex(theirs.get_auth_params()["SRP_A"], "A")
        server = srp.server_ephemeral(v, A, rng.randbytes(32))
        challenge = {
            "USERNAME": "ada",
            "USER_ID_FOR_SRP": USER,
            "SALT": srp.to_hex(salt),
            "SRP_B": srp.to_hex(server.B),
            "SECRET_BLOCK": base64.b64encode(BLOCK).decode(),
        }
        answer = theirs.process_challenge(challenge, {"USERNAME": "ada"})
        stamp, signature = answer["TIMESTAMP"], answer["PASSWORD_CLAIM_SIGNATURE"]
        assert srp.timestamp(srp.parse_timestamp(stamp)) == stamp
        key = srp.server_key(server, A, v)
        assert srp.verify(key, "AbCdEfGhI", USER, BLOCK, stamp, signature)
        assert signature == srp.claim_signature(
            mine,
            realm=srp.pool_name(POOL),
            name=USER,
            password="pa:ss",
            salt=salt,
            B=server.B,
            secret_block=challenge["SECRET_BLOCK"],
            timestamp=stamp,
        )


def test_pycognito_registers_and_proves_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's verifier and proof are pycognito's, with top bits set or clear."""
    rng = random.Random(4)
    monkeypatch.setattr(pyc, "os", SimpleNamespace(urandom=rng.randbytes))
    tops = set()
    for _ in range(10):
        password, theirs = pyc.generate_hash_device(GROUP, DEVICE)
        v, salt = srp.from_device_config(theirs["PasswordVerifier"], theirs["Salt"])
        ours = srp.device_verifier(GROUP, DEVICE, password, salt.to_bytes(16, "big"))
        assert theirs == {"PasswordVerifier": ours.password_verifier, "Salt": ours.salt}
        tops |= {("v", v.bit_length() % 8 == 0), ("salt", salt.bit_length() % 8 == 0)}

        device = pycognitos(device_key=DEVICE, device_group_key=GROUP, device_password=password)
        A = device.large_a_value
        server = srp.server_ephemeral(v, A, rng.randbytes(32))
        challenge = {
            "USERNAME": "ada",
            "SALT": srp.to_hex(salt),
            "SRP_B": srp.to_hex(server.B),
            "SECRET_BLOCK": base64.b64encode(BLOCK).decode(),
        }
        answer = device.process_device_challenge(challenge)
        stamp, signature = answer["TIMESTAMP"], answer["PASSWORD_CLAIM_SIGNATURE"]
        assert srp.verify(srp.server_key(server, A, v), GROUP, DEVICE, BLOCK, stamp, signature)
        mine = Ephemeral(Secret(device.small_a_value), A)
        assert signature == srp.claim_signature(
            mine,
            realm=GROUP,
            name=DEVICE,
            password=password,
            salt=salt,
            B=server.B,
            secret_block=challenge["SECRET_BLOCK"],
            timestamp=stamp,
        )
    assert {("v", True), ("v", False), ("salt", True), ("salt", False)} == tops


def keys_of_both_sides(rng: random.Random, password: str) -> tuple[tuple[int, int, int], bytes, bytes]:
    """Return A, B and S of one sign-in, and the keys of both sides."""
    salt = rng.getrandbits(rng.choice((128, 127, 120, 4, 1)))
    x = srp.private_key("AbC", USER, password, salt)
    v = srp.verifier(x)
    mine = srp.ephemeral(rng.randbytes(32))
    server = srp.server_ephemeral(v, mine.A, rng.randbytes(32))
    S = srp.shared_secret(mine, server.B, x)
    keys = srp.client_key(mine, server.B, x), srp.server_key(server, mine.A, v)
    return (mine.A, server.B, S), *keys


def test_client_and_server_agree() -> None:
    """In 500 sign-ins client and server have the same key, also for short or odd numbers."""
    rng = random.Random(1)  # a seed that shows all shapes
    shapes = set()
    for _ in range(200):
        numbers, clients, servers = keys_of_both_sides(rng, "pa:ss")
        assert clients == servers
        assert len(clients) == 16
        for name, n in zip("ABS", numbers, strict=True):
            digits = srp.to_hex(n)
            shapes.add((name, "short" if len(digits) < 767 else "odd" if len(digits) % 2 else digits[0] > "7"))
    expected = {(name, shape) for name in "ABS" for shape in ("short", "odd", True, False)}
    assert expected == shapes


@proofs
@given(st.text(), st.text(), st.text(), st.integers(0, 2**128 - 1))
def test_any_script(realm: str, name: str, password: str, salt: int) -> None:
    """Names and passwords in any script can be proved, and no other password."""
    v = srp.verifier(srp.private_key(realm, name, password, salt))
    mine = client(salt + 1)
    server = srp.server_ephemeral(v, mine.A, bytes(range(32)))
    block = base64.b64encode(BLOCK).decode()
    key = srp.server_key(server, mine.A, v)

    def signed(attempt: str) -> str:
        return srp.claim_signature(
            mine, realm=realm, name=name, password=attempt, salt=salt, B=server.B, secret_block=block, timestamp=STAMP
        )

    assert srp.verify(key, realm, name, BLOCK, STAMP, signed(password))
    assert not srp.verify(key, realm, name, BLOCK, STAMP, signed(password + "x"))


def test_verify_refuses_other_signatures() -> None:
    """A signature over another name, block or timestamp, or none, is refused."""
    key = bytes(16)
    good = srp.sign(key, "AbC", USER, BLOCK, STAMP)
    assert srp.verify(key, "AbC", USER, BLOCK, STAMP, good)
    assert not srp.verify(key, "AbC", USER + "x", BLOCK, STAMP, good)
    assert not srp.verify(key, "AbD", USER, BLOCK, STAMP, good)
    assert not srp.verify(key, "AbC", USER, BLOCK + b"x", STAMP, good)
    assert not srp.verify(key, "AbC", USER, BLOCK, STAMP.replace("5", "05"), good)
    assert not srp.verify(bytes(15) + b"\1", "AbC", USER, BLOCK, STAMP, good)
    for bad in (
        *(POOL + each for each in (" ", "\n", "é", "-")),
        " " + POOL,
        "arn:aws:x/" + POOL,
        "",
        "=",
        "*" * 44,
        good[:-1],
        good + "\n",
        " " + good,
        "é" * 44,
        "\ud800",
        "AAAA",
    ):
        assert not srp.verify(key, "AbC", USER, BLOCK, STAMP, bad)


# The two back ends of srp, threads, memory.


@pytest.fixture(params=BACK_ENDS, ids=lambda module: module.__name__)
def back_end(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Select a back end of srp."""
    monkeypatch.setattr(standard, "User", request.param.User)
    monkeypatch.setattr(standard, "Verifier", request.param.Verifier)


@pytest.mark.usefixtures("back_end")
def test_either_back_end_of_srp() -> None:
    """With or without OpenSSL, A is g^a and B is k v + g^b."""
    rng = random.Random(5)
    for entropy in (rng.randbytes(32), bytes(31) + b"\1", bytes(1) + rng.randbytes(31), b"\xff" * 32):
        number, v = int.from_bytes(entropy, "big"), rng.randrange(1, N)
        mine = srp.ephemeral(entropy)
        server = srp.server_ephemeral(v, mine.A, entropy)
        assert Ephemeral(Secret(number), pow(g, number, N)) == mine
        assert ServerEphemeral(Secret(number), (k * v + mine.A) % N) == server


@pytest.mark.usefixtures("back_end")
def test_switches_of_srp_change_nothing() -> None:
    """The global settings of the srp package, changed by another user in the same process, have no effect here."""
    before = keys_of_both_sides(random.Random(6), "pa:ss")
    for module in BACK_ENDS:
        module.rfc5054_enable(enable=True)
        module.no_username_in_x(enable=True)
    try:
        assert before == keys_of_both_sides(random.Random(6), "pa:ss")
    finally:
        for module in BACK_ENDS:
            module.rfc5054_enable(enable=False)
            module.no_username_in_x(enable=False)


def test_threads() -> None:
    """Four threads at once compute what one computes alone, and gmpy2's own context stays as it is."""
    context = repr(gmpy2.get_context())
    alone = [keys_of_both_sides(random.Random(seed), "pa:ss") for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: keys_of_both_sides(random.Random(seed), "pa:ss"), range(40)))
    assert alone == together
    assert context == repr(gmpy2.get_context())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_is_freed() -> None:
    """500 key pairs of each side leave no memory in C; srp's Verifier would leave 2.6 MB."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE")

    def pairs(count: int) -> None:
        for _ in range(count):
            srp.server_ephemeral(5, client(7).A, b"\xff" * 32)

    pairs(50)
    before = resident()
    pairs(500)
    assert resident() - before < 1_000_000


# What is refused.


@pytest.mark.parametrize("zero", [0, N, 2 * N, -N, -1, 2**3072, 2**9999])
def test_public_values_that_break_the_proof(zero: int) -> None:
    """A or B that is 0 mod N, negative or too long stops both sides before any exponentiation."""
    mine, server = client(7), srp.server_ephemeral(5, 3, b"\xff" * 32)
    calls: dict[str, list[Callable[[], object]]] = {
        "A": [
            lambda: srp.scrambler(zero, 5),
            lambda: srp.server_ephemeral(5, zero, b"\xff" * 32),
            lambda: srp.server_key(server, zero, 5),
            lambda: srp.client_key(evolve(mine, A=zero), 5, 5),
        ],
        "B": [
            lambda: srp.scrambler(5, zero),
            lambda: srp.client_key(mine, zero, 5),
            lambda: srp.shared_secret(mine, zero, 5),
            lambda: srp.server_key(evolve(server, B=zero), 5, 5),
        ],
        "v": [lambda: srp.server_ephemeral(zero, 5, b"\xff" * 32)],
    }
    for name, refused in calls.items():
        for call in refused:
            with pytest.raises(SrpRefused) as caught:
                call()
            assert name == caught.value.value


def test_u_of_zero_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash of zero stops both sides."""
    mine, server = client(7), srp.server_ephemeral(5, 3, b"\xff" * 32)
    monkeypatch.setattr(srp, "H", lambda *_: 0)
    with pytest.raises(SrpRefused, match="u is zero"):
        srp.client_key(mine, 5, 5)
    with pytest.raises(SrpRefused, match="u is zero") as caught:
        srp.server_key(server, 5, 5)
    assert caught.value.value == "u"


BAD_HEX = ["", " ", "g", "0x1f", "-1", "+1", "1 ", " 1", "1_0", "1\n", "\u0663", "\uff11", "0" * 1025, "f" * 10**6]


@pytest.mark.parametrize("text", BAD_HEX, ids=range(len(BAD_HEX)))
def test_strict_hex(text: str) -> None:
    """Only hexadecimal digits are accepted, and not too many of them; the error does not show them."""
    with pytest.raises(SrpRefused) as caught:
        srp.from_hex(text, "SALT")
    assert caught.value.value == "SALT"
    assert str(caught.value) == "SALT is not a hexadecimal number of at most 1024 digits"


@pytest.mark.parametrize("entropy", [b"", b"\1", bytes(32), b"\1" * 31, b"\1" * 33, b"\1" * 256])
def test_entropy_is_32_bytes(entropy: bytes) -> None:
    """Entropy of another length, or of zeros only, is refused on both sides."""
    with pytest.raises(SrpRefused) as caught:
        srp.ephemeral(entropy)
    assert caught.value.value == "a"
    with pytest.raises(SrpRefused) as caught:
        srp.server_ephemeral(5, 5, entropy)
    assert caught.value.value == "b"


@pytest.mark.parametrize("block", ["*", "A", "AAA", "AA==AA", "AAAA\n", "AA AA", "AA-_", "é", "\ud800"])
def test_strict_secret_block(block: str) -> None:
    """A SECRET_BLOCK that is not base64 to the letter is refused."""
    with pytest.raises(SrpRefused) as caught:
        srp.claim_signature(
            client(7), realm="AbC", name=USER, password="pa:ss", salt=1, B=5, secret_block=block, timestamp=STAMP
        )
    assert caught.value.value == "SECRET_BLOCK"


def test_lone_surrogates_are_refused_without_showing_the_text() -> None:
    """A text that UTF-8 cannot encode is refused, and no exception contains it."""
    texts = {"realm": "AbC", "name": USER, "password": "pa:ss"}
    for name in texts:
        with pytest.raises(SrpRefused) as caught:
            srp.private_key(**{**texts, name: "hunter2\ud800"}, salt=1)
        assert name == caught.value.value
        assert caught.value.__context__ is None
        assert "hunter2" not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
    with pytest.raises(SrpRefused):
        srp.secret_hash("ada", "client", "hunter2\udfff")


def test_refusals_survive_copying() -> None:
    """An SrpRefused can be copied and pickled."""
    refused = copy.copy(SrpRefused("u", "is zero"))
    assert (refused.value, str(refused)) == ("u", "u is zero")


def test_pool_name() -> None:
    """The part after the "_"; an id without one, or with two, is refused."""
    assert srp.pool_name(POOL) == POOL.split("_")[1] == "AbCdEfGhI"
    for bad in (
        "",
        "_",
        "eu-west-1",
        "eu-west-1_",
        "_AbC",
        "eu_west_1",
        POOL + "\n",
        POOL + " ",
        POOL + "é",
        " " + POOL,
    ):
        with pytest.raises(ValueError, match="a pool id looks like eu-west-1_AbCdEfGhI"):
            srp.pool_name(bad)


def test_secrets_are_not_shown() -> None:
    """No repr has an exponent or a device's verifier."""
    mine, server = client(2**255 + 1), srp.server_ephemeral(5, 3, b"\xff" * 32)
    device = srp.device_verifier(GROUP, DEVICE, "pa:ss", b"\1" * 16)
    assert repr(mine) == f"Ephemeral(a={MASK}, A={mine.A})"
    assert repr(server) == f"ServerEphemeral(b={MASK}, B={server.B})"
    assert device.password_verifier not in repr(device)


# A device's verifier.


def encode_number(n: int, length: int) -> str:
    """Return a number in base64, in this number of bytes."""
    return base64.b64encode(n.to_bytes(length, "big")).decode()


def test_device_verifier_is_padded() -> None:
    """A zero byte precedes a set top bit; a short salt gets none."""
    for salt in (b"\xff" * 16, b"\x7f" * 16, bytes(15) + b"\x80", bytes(16)):
        ours = srp.device_verifier(GROUP, DEVICE, "pa:ss", salt)
        number = int.from_bytes(salt, "big")
        v = srp.verifier(pycognitos_x(GROUP, DEVICE, "pa:ss", number))
        assert (v, number) == srp.from_device_config(ours.password_verifier, ours.salt)
        assert pyc.pad_hex(number) == base64.b64decode(ours.salt).hex()
        assert pyc.pad_hex(v) == base64.b64decode(ours.password_verifier).hex()


@pytest.mark.parametrize(
    ("v", "salt", "value"),
    [
        ("*", "AQ==", "PasswordVerifier"),
        ("", "AQ==", "PasswordVerifier"),
        (encode_number(0, 1), "AQ==", "PasswordVerifier"),
        (encode_number(N, 385), "AQ==", "PasswordVerifier"),
        (encode_number(N - 1, 384), "AQ==", "PasswordVerifier"),  # the padding is missing: negative
        (encode_number(2**3072, 385), "AQ==", "PasswordVerifier"),
        ("AQ==", "gA==", "Salt"),  # 0x80: negative
        ("AQ==", "A", "Salt"),
        ("AQ==", encode_number(2**4000, 600), "Salt"),
    ],
)
def test_invalid_device_verifiers(v: str, salt: str, value: str) -> None:
    """A DeviceSecretVerifierConfig that Java would misread, or that proves nothing, is refused."""
    with pytest.raises(SrpRefused) as caught:
        srp.from_device_config(v, salt)
    assert value == caught.value.value


def test_device_salt_has_16_bytes() -> None:
    """A salt of another length is refused."""
    for length in (0, 15, 17):
        with pytest.raises(SrpRefused, match="Salt is not of 16 bytes"):
            srp.device_verifier(GROUP, DEVICE, "pa:ss", b"\1" * length)


# Timestamps.

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - the zones follow


@quick
@given(MOMENTS)
def test_timestamp(moment: datetime) -> None:
    """A time in any zone is written in UTC as pycognito writes it, and read back."""
    utc = moment.astimezone(timezone.utc)
    text = srp.timestamp(moment)
    assert pyc.AWSSRP.get_cognito_formatted_timestamp(utc) == text
    assert utc.replace(microsecond=0) == srp.parse_timestamp(text)
    assert text == srp.timestamp(srp.parse_timestamp(text))


def test_timestamp_does_not_pad_the_day() -> None:
    """A day of one digit is written without padding."""
    zone = timezone(timedelta(hours=2))
    assert srp.timestamp(datetime(2023, 9, 5, 9, 8, 9, 999999, zone)) == STAMP
    assert srp.timestamp(datetime(2024, 2, 29, 0, 0, tzinfo=timezone.utc)) == "Thu Feb 29 00:00:00 UTC 2024"


def test_naive_datetimes_are_refused() -> None:
    """A datetime without a time zone is refused."""
    with pytest.raises(ValueError, match="time zone"):
        srp.timestamp(datetime(2023, 9, 5))  # noqa: DTZ001 - the argument that is refused


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use a German locale, which is compiled if the system lacks it."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
    except locale.Error:
        if not (localedef := shutil.which("localedef")):
            pytest.skip("neither a German locale nor localedef")
        path = str(tmp_path / "de_DE.UTF-8")
        subprocess.run([localedef, "-i", "de_DE", "-f", "UTF-8", path], check=False)
        monkeypatch.setenv("LOCPATH", str(tmp_path))
        try:
            locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
        except locale.Error:
            pytest.skip("no German locale could be compiled")
    yield
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.usefixtures("german")
def test_timestamp_in_another_locale() -> None:
    """In a German locale, a timestamp is still written and read in English."""
    moment = datetime(2023, 10, 3, 7, 8, 9, tzinfo=timezone.utc)
    assert moment.strftime("%a %b") == "Di Okt"
    assert srp.timestamp(moment) == "Tue Oct 3 07:08:09 UTC 2023"
    assert moment == srp.parse_timestamp("Tue Oct 3 07:08:09 UTC 2023")


@pytest.mark.parametrize("text", [STAMP.replace(" 5 ", " 05 "), STAMP.replace("Tue", "Wed")])
def test_timestamps_that_are_read_but_not_canonical(text: str) -> None:
    """A padded day and a wrong weekday can be read, but are written differently."""
    moment = srp.parse_timestamp(text)
    assert datetime(2023, 9, 5, 7, 8, 9, tzinfo=timezone.utc) == moment
    assert STAMP == srp.timestamp(moment) != text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2023-09-05T07:08:09Z",
        "Di Sep 5 07:08:09 UTC 2023",
        "tue sep 5 07:08:09 utc 2023",
        "Tue Sep  5 07:08:09 UTC 2023",
        "Tue Sep 5 7:08:09 UTC 2023",
        "Tue Sep 5 07:08:09 2023",
        "Tue Sep 5 07:08:09 CEST 2023",
        "Tue Sep 5 07:08:09 UTC 23",
        "Tue Sep 5 07:08:09 UTC 2023\n",
        "Tue Sep 5 24:00:00 UTC 2023",
        "Tue Sep 5 07:60:09 UTC 2023",
        "Tue Sep 31 07:08:09 UTC 2023",
        "Tue Sep 0 07:08:09 UTC 2023",
        "Tue Sep 5 07:08:09 UTC 0000",
        "Tue Sep \u0665 07:08:09 UTC 2023",
        "Wed Feb 29 07:08:09 UTC 2023",
    ],
)
def test_invalid_timestamps(text: str) -> None:
    """Invalid timestamps are refused with Cognito's own message."""
    with pytest.raises(TimestampFormat, match="format should be EEE MMM d HH:mm:ss z yyyy in english"):
        srp.parse_timestamp(text)
