"""The gallery: the pictures that the repository keeps, of all flows and of a few example pools.

`authfsm draw --gallery diagrams` writes them, with the same bytes on every machine; a test fails when they
are not up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from attrs import evolve

from authfsm.core.history import Step
from authfsm.diagrams.account import AccountDiagram
from authfsm.diagrams.dot_labels import account_link
from authfsm.diagrams.picture import Diagram, diagram
from authfsm.diagrams.sequence import sequence
from authfsm.diagrams.themes import AUTO
from authfsm.protocol.account_table import RECOVERIES
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.responses import Code, SrpClaim, UserSrpAuth
from authfsm.protocol.states import State
from authfsm.settings import PoolSettings

_SRP: Final = ("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
_CHOICE: Final = ("ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
_CUSTOM: Final = ("ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
_TOTP: Final[Mapping[str, Any]] = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
_SMS: Final[Mapping[str, Any]] = {"SmsMfaConfiguration": {"SmsConfiguration": {}}}
_DEVICES: Final = {"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True}}
_TRIGGERS: Final = ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse")
_FACTORS: Final = {"AllowedFirstAuthFactors": ("PASSWORD", "EMAIL_OTP", "WEB_AUTHN")}


def _pool(
    mfa_mode: str, flows: tuple[str, ...], mfa: Mapping[str, Any] | None = None, **pool: Any
) -> PoolSettings:
    described = {"MfaConfiguration": mfa_mode, "UserPoolTier": "ESSENTIALS", **pool}
    return PoolSettings.from_descriptions(described, {"ExplicitAuthFlows": flows}, mfa or {})


EXAMPLE_POOLS: Final[Mapping[str, tuple[PoolSettings, str]]] = MappingProxyType(
    {
        "mfa_off": (_pool("OFF", _SRP), "Passwords by SRP, no MFA, no devices."),
        "mfa_optional": (
            _pool("OPTIONAL", _SRP, {**_TOTP, **_SMS}, **_DEVICES),
            "Passwords by SRP, a second factor for users who set one up, remembered devices.",
        ),
        "mfa_required": (
            _pool("ON", _SRP, _TOTP),
            "Passwords by SRP, then the authenticator app, for all users.",
        ),
        "passwordless": (
            _pool("OFF", _CHOICE, Policies={"SignInPolicy": _FACTORS}),
            "The user chooses an e-mailed code, a passkey, or the password.",
        ),
        "custom": (
            _pool("OFF", _CUSTOM, LambdaConfig=dict.fromkeys(_TRIGGERS, "arn")),
            "The pool's Lambda functions issue the challenges.",
        ),
    }
)
"""The settings of typical pools as AWS describes them, by name, each with a sentence about it."""

_FLOW_SENTENCES: Final = {
    "USER_SRP_AUTH": "the password is proved by SRP and never sent.",
    "USER_PASSWORD_AUTH": "the password is sent in plain text.",
    "ADMIN_USER_PASSWORD_AUTH": "an administrator sends a user's password in plain text.",
    "ADMIN_NO_SRP_AUTH": "its older name; one AWS page has a second step for the password.",
    "CUSTOM_AUTH": "the pool's Lambda functions decide; the password may be proved by SRP first.",
    "USER_AUTH": "the user chooses or prefers a first factor: password, code or passkey.",
    "REFRESH_TOKEN_AUTH": "new tokens for a refresh token.",
    "REFRESH_TOKEN": "its older name.",
}


_SHORT_CAPTION: Final = "Not drawn: what this pool's settings rule out; see the other pictures."
_SIGN_IN: Final = (
    Step(1, State.START, UserSrpAuth, State.PASSWORD_VERIFIER),
    Step(2, State.PASSWORD_VERIFIER, SrpClaim, State.SOFTWARE_TOKEN_MFA),
    Step(
        *(3, State.SOFTWARE_TOKEN_MFA, Code, State.SOFTWARE_TOKEN_MFA),
        action=RecoveryAction.TRY_AGAIN,
        error="CodeMismatchException",
    ),
    Step(4, State.SOFTWARE_TOKEN_MFA, Code, State.AUTHENTICATED),
)
_ACCOUNT: Final = (
    "The life of an account: sign-up, confirmation, forgotten password. Two failures of a sign-in lead here."
)


def pictures() -> Iterator[tuple[str, Diagram, str]]:
    """Yield each picture with the name of its file and a sentence about it."""
    about = "One sign-in, step by step: the password by SRP, a mistyped code, the right code."
    settings = EXAMPLE_POOLS["mfa_required"][0]
    drawn = diagram(settings=settings, history=_SIGN_IN, theme=AUTO)
    model = evolve(drawn.model, notes=(_SHORT_CAPTION,), omitted=())
    yield "sign_in", evolve(drawn, model=model), about
    about = "The whole protocol at a glance: every flow, from the first request to tokens."
    yield "overview", diagram(overview=True, theme=AUTO), about
    about = "The whole protocol, with the response that each line needs; open it in a tab of its own."
    yield "protocol", diagram(theme=AUTO), about
    for flow in FLOWS:
        about = f"`{flow}`: {_FLOW_SENTENCES[flow]}"
        yield flow.lower(), diagram(flow=flow, theme=AUTO), about
    for name, (settings, sentence) in EXAMPLE_POOLS.items():
        about = f"A pool's settings: {sentence}"
        yield f"pool_{name}", diagram(settings=settings, theme=AUTO), about
    off, required = (EXAMPLE_POOLS[name][0] for name in ("mfa_off", "mfa_required"))
    about = "The whole protocol, with what MFA off rules out faded."
    yield "pool_mfa_off_faded", diagram(settings=off, faded=True, overview=True, theme=AUTO), about
    about = "What becomes possible when MFA becomes required."
    yield "pool_mfa_off_to_required", diagram(difference=(off, required), theme=AUTO), about
    about = "Where a sign-in by SRP can fail, and what to do then."
    yield "failures", diagram(flow="USER_SRP_AUTH", actions=True, theme=AUTO), about


def files() -> dict[str, str]:
    """Return the text of every file of the gallery, by its name; raises NoEngine."""
    every = list(pictures())
    found = {f"{name}.svg": drawn.svg(animated=drawn.model.has_history) for name, drawn, _ in every}
    found["account.svg"] = AccountDiagram(AUTO).svg()
    for action in RECOVERIES:  # beside each other, the pictures link to each other
        page = f'"{account_link(action)}"'
        found["failures.svg"] = found["failures.svg"].replace(page, '"account.svg"')
    found["protocol.dot"] = str(diagram())
    named = [*((name, about) for name, _, about in every), ("account", _ACCOUNT)]
    entries = "".join(_entry(*each) for each in named)
    messages = sequence(flow="USER_SRP_AUTH")
    found["README.md"] = _README.format(pictures=entries, sequence=messages)
    return dict(sorted(found.items()))


_README: Final = """\
# The protocol in pictures

Computed from `authfsm/protocol/table.py` by `authfsm draw --gallery diagrams`.
The caption of each picture says what it omits. Open a picture in its own tab: hover over a state
to see what it means, and click it for AWS's page. Pictures are dark if your browser prefers dark.
`protocol.dot` is the source of the second.
{pictures}
## The messages of a sign-in

`USER_SRP_AUTH` as a sequence, with the names that Cognito's API uses.

```mermaid
{sequence}```
"""


def _entry(name: str, about: str) -> str:
    # At the width of that page, the whole protocol cannot be read.
    shown = f"{name}.svg" if name == "protocol" else f"![{about.replace('`', '')}]({name}.svg)"
    return f"\n## {name}\n\n{about}\n\n[{shown}]({name}.svg)\n"


def write(folder: str | Path) -> list[Path]:
    """Write the gallery to a folder, and return the files that changed; raises NoEngine."""
    changed = []
    for name, text in files().items():
        file = Path(folder) / name
        if not file.exists() or file.read_bytes() != text.encode():
            file.write_bytes(text.encode())
            changed.append(file)
    return changed
