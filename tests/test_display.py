"""Each value displays itself in a notebook as a picture or table, with text, and without secrets or files."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final, cast

import pytest
from IPython.core.interactiveshell import InteractiveShell
from joserfc.jwk import RSAKey

from authfsm import AsyncCognito, Code, Cognito, Flow, MemoryStore, PendingSignIns, PoolSettings, Verifier, diagram
from authfsm.diagrams import AUTO
from authfsm.local import LocalCognito, LocalPool, ManualClock
from authfsm.notebook import Stepper
from authfsm.notebook.value_repr import mime_bundle
from authfsm.stores import AsyncSharedTokens

PASSWORD = "Correct-Horse-1"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool whose users receive a code."""
    local_pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    local_pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    return local_pool


def ipython_bundle(value: Any) -> dict[str, str]:
    """Return the bundle that IPython sends to a front end."""
    shell: Any = InteractiveShell.instance()
    formats: dict[str, str] = shell.display_formatter.format(value)[0]
    return formats


def test_a_flow_shows_its_path(pool: LocalPool) -> None:
    """A flow is an SVG with its current state, and its path as text."""
    flow = pool.cognito().sign_in("ada", PASSWORD)

    bundle = ipython_bundle(flow)

    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert bundle["text/plain"].splitlines()[1] == "START > PASSWORD_VERIFIER > SMS_MFA"
    assert "SMS_MFA" in bundle["image/svg+xml"]
    assert mime_bundle(flow.signin)["image/svg+xml"] == bundle["image/svg+xml"]


def test_a_sign_in_that_has_not_begun_shows_itself(pool: LocalPool) -> None:
    """A sign-in without steps is displayed as the whole protocol."""
    bundle = ipython_bundle(pool.cognito().start())

    assert bundle["text/plain"] == "<Flow: START after 0 steps>"
    assert "SELECT_CHALLENGE" in bundle["image/svg+xml"]


def _flow(pool: LocalPool) -> Flow:
    flow = pool.cognito().sign_in("ada", PASSWORD)
    with pytest.raises(Exception, match="CodeMismatch"):
        flow.answer(Code("000000"))
    return flow


def test_a_history_is_a_table(pool: LocalPool) -> None:
    """A history is a table with a row for each step; a refusal has its recovery action."""
    bundle = ipython_bundle(_flow(pool).history)

    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"].splitlines() == [
        "history",
        "     state              response       led to                            refusal",
        "  1  START              user_srp_auth  PASSWORD_VERIFIER (first factor)",
        "  2  PASSWORD_VERIFIER  srp_claim      SMS_MFA (second factor)",
        "  3  SMS_MFA            code           SMS_MFA (second factor)           CodeMismatchException: TRY_AGAIN",
    ]
    assert bundle["text/html"].count("<tr>") == 4


def test_challenges_refusals_and_tokens_are_tables(pool: LocalPool) -> None:
    """Challenges, refusals and tokens are tables; tokens have no values."""
    flow = _flow(pool)

    assert ipython_bundle(flow.challenge)["text/plain"].splitlines() == [
        "SMS_MFA",
        "  meaning                        Send the code from the SMS, as a second factor.",
        "  accepts                        code",
        "  CODE_DELIVERY_DELIVERY_MEDIUM  SMS",
        "  CODE_DELIVERY_DESTINATION      +*******0143",
        "  USER_ID_FOR_SRP                ada",
    ]
    assert ipython_bundle(flow.refusal)["text/plain"].splitlines()[0] == "CodeMismatchException"
    flow.answer(Code(pool.outbox.code_for("ada")))
    tokens = ipython_bundle(flow.tokens)["text/plain"]
    assert tokens.splitlines()[:3] == ["AUTHENTICATED", "  tokens        access, id, refresh", "  user          ada"]


def test_a_pool_and_its_settings_show_themselves(pool: LocalPool) -> None:
    """A pool is a table, its settings are the diagram of what they allow."""
    client = pool.client()
    settings = PoolSettings.describe(client, pool.pool_id, pool.client_id)

    assert ipython_bundle(pool)["text/plain"].splitlines()[0] == pool.pool_id
    assert ipython_bundle(settings)["image/svg+xml"] == diagram(settings=settings, theme=AUTO)._repr_svg_()


def test_replies_are_escaped(pool: LocalPool) -> None:
    """A name that contains HTML is shown as text."""
    pool.add_user("<b>ada", PASSWORD, phone_number="+15555550144")
    flow = pool.cognito().sign_in("<b>ada", PASSWORD)
    flow.answer(Code(pool.outbox.code_for("<b>ada")))

    assert "<b>" not in ipython_bundle(flow.tokens)["text/html"]
    assert "&lt;b&gt;ada" in ipython_bundle(flow.tokens)["text/html"]


def test_no_secret_is_shown_and_no_file_is_written(
    pool: LocalPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No bundle has a session, code or token, and no file is written."""
    monkeypatch.chdir(tmp_path)
    flow = _flow(pool)
    session, code = flow.signin.session, pool.outbox.code_for("ada")
    bundles = [mime_bundle(each) for each in (flow, flow.signin, flow.challenge, flow.refusal, flow.history)]
    flow.answer(Code(code))
    bundles += [mime_bundle(each) for each in (flow, flow.tokens, pool)]
    everything = io.StringIO()
    for each in bundles:
        everything.writelines(each.values())

    assert session is not None
    assert flow.tokens is not None
    secrets = [session, flow.tokens.access_token, flow.tokens.id_token, flow.tokens.refresh_token]
    assert [s for s in secrets if s is not None and s.reveal() in everything.getvalue()] == []
    assert (code in everything.getvalue(), PASSWORD in everything.getvalue()) == (False, False)
    assert list(tmp_path.iterdir()) == []


WRONG: Final = cast("Any", None)
FAILING: Final[dict[str, Callable[[], Any]]] = {
    "Cognito": lambda: Cognito(WRONG, client_id="x", pool_id="bad"),
    "AsyncCognito": lambda: AsyncCognito(WRONG, client_id=WRONG),
    "LocalPool": lambda: LocalPool(mfa=WRONG),
    "LocalCognito": lambda: LocalCognito(nothing=1),
    "PendingSignIns": lambda: PendingSignIns(WRONG, WRONG, "x"),
    "AsyncSharedTokens": lambda: AsyncSharedTokens(WRONG, WRONG, "x"),
    "MemoryStore": lambda: MemoryStore(0),
    "Verifier": lambda: Verifier("bad", "x"),
    "Verifier of numbers": lambda: Verifier("eu-west-1_AbC", [WRONG]),
    "ManualClock": lambda: ManualClock(datetime(2030, 1, 1)),  # noqa: DTZ001 - refused
    "Stepper": lambda: Stepper(WRONG, "ada"),
}


@pytest.mark.parametrize("name", FAILING)
def test_an_object_whose_constructor_raised_has_a_repr(name: str) -> None:
    """A traceback with local variables can show `self` in a constructor that raised."""
    with pytest.raises((TypeError, ValueError)) as caught:
        FAILING[name]()
    frames = [frame for frame, _ in walk_tb(caught.value.__traceback__)]
    failed = [each.f_locals["self"] for each in frames if each.f_code.co_name == "__init__"]
    assert any(name.partition(" ")[0] in repr(each) for each in failed)
