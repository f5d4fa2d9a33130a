"""What a rule needs at an endpoint before it can be seen: a pool, an app client, people. Frozen values.

Two rules that want the same pool share it; people are never shared.
"""

from __future__ import annotations

from typing import Final, Literal

from attrs import field, frozen

from authfsm.protocol.auth_flows import CURRENT_VALUES
from authfsm.protocol.vocabulary import FIRST_FACTORS, MFA_METHODS

EVERY_FLOW: Final = CURRENT_VALUES
WITHOUT_CHOICE: Final = tuple(each for each in EVERY_FLOW if each != "ALLOW_USER_AUTH")
PASSWORD: Final = "Correct-Horse-1"  # noqa: S105 - people made for a rule, and gone with it
TEMPORARY: Final = "Temporary-Horse-1"
ANOTHER: Final = "Another-Horse-2"
WRONG: Final = "Wrong-Horse-4"
PHONE: Final = "+15555550143"
"""A number that is kept for fiction: nobody's telephone rings."""
RP_ID: Final = "app.example.com"


@frozen
class PoolRequirements:
    """A user pool, in Cognito's words.

    Args:
        mfa: MfaConfiguration.
        methods: the second factors that are enabled.
        devices: are devices remembered, by themselves and beside MFA?
        first_factors: AllowedFirstAuthFactors.
        riddle: do Lambda functions ask a riddle (CUSTOM_AUTH), whose answer is `RIDDLE`?
    """

    mfa: Literal["OFF", "OPTIONAL", "ON"] = "OFF"
    methods: tuple[str, ...] = ()
    devices: bool = False
    first_factors: tuple[str, ...] = ("PASSWORD",)
    riddle: bool = False


@frozen
class ClientRequirements:
    """An app client, in Cognito's words.

    Args:
        flows: ExplicitAuthFlows.
        secret: GenerateSecret.
        existence: PreventUserExistenceErrors.
        rotation: RefreshTokenRotation, without a grace period.
    """

    flows: tuple[str, ...] = EVERY_FLOW
    secret: bool = False
    existence: Literal["ENABLED", "LEGACY"] = "ENABLED"
    rotation: bool = False


@frozen
class UserRequirements:
    """A user.

    Args:
        temporary: is the password a temporary one?
        factors: active second factors, as UserMFASettingList has them.
        preferred: the one that is preferred.
    """

    temporary: bool = False
    factors: tuple[str, ...] = field(default=())
    preferred: str | None = None


PLAIN: Final = PoolRequirements()
ANY_MFA: Final = PoolRequirements("OPTIONAL", tuple(each.value for each in MFA_METHODS))
PHONE_OR_APP: Final = PoolRequirements("OPTIONAL", ("SMS_MFA", "SOFTWARE_TOKEN_MFA"))
APP_REQUIRED: Final = PoolRequirements("ON", ("SOFTWARE_TOKEN_MFA",))
DEVICES: Final = PoolRequirements(devices=True)
CHOICE: Final = PoolRequirements(first_factors=FIRST_FACTORS)
CUSTOM: Final = PoolRequirements(riddle=True)

RIDDLE: Final = "a river"
