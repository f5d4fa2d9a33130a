"""What is kept of passkeys: plain values only. The private keys are the authenticators' own."""

from __future__ import annotations

from datetime import datetime

from attrs import define, field, frozen


@define(eq=False)
class Passkey:
    """A passkey that a user has registered.

    Args:
        credential_id: base64url.
        public_key: AttestedCredentialData (W3C Web Authentication, 6.5.2): the COSE key, with its id.
        relying_party_id: whose passkey it is; one of another relying party signs in no more.
        created: when it was registered.
        attachment: `platform`, `cross-platform`, or nothing where the authenticator did not say.
        transports: `internal`, `usb`, ...
        sign_count: the authenticator's signature counter, when it was last seen.
        name: FriendlyCredentialName.
    """

    credential_id: str
    public_key: bytes = field(repr=False)
    relying_party_id: str
    created: datetime
    attachment: str | None = None
    transports: tuple[str, ...] = ()
    sign_count: int = 0
    name: str = "Passkey"

    @property
    def method(self) -> str:
        """What `amr` calls it: "a passkey with a platform authenticator" is swk, "roaming" is hwk."""
        if self.attachment is None:
            return "swk" if "internal" in self.transports else "hwk"
        return "swk" if self.attachment == "platform" else "hwk"


@frozen
class Registration:
    """StartWebAuthnRegistration, waiting to be completed.

    Args:
        challenge: what the authenticator is to sign.
        client_id: the app client of the access token.
        relying_party_id: the relying party of the time.
        expires: when it dies.
    """

    challenge: bytes = field(repr=False)
    client_id: str
    relying_party_id: str
    expires: datetime


@define(eq=False)
class Passkeys:
    """A user's passkeys.

    Args:
        registered: by credential id.
        registration: the one that is under way; a new one takes its place.
        as_mfa: WebAuthnMfaSettings.Enabled: with user verification they satisfy MFA.
    """

    registered: dict[str, Passkey] = field(factory=dict)
    registration: Registration | None = None
    as_mfa: bool = False

    def of(self, relying_party_id: str) -> list[Passkey]:
        """Those of a relying party: "if you change your RP ID, your users must register again"."""
        return [
            each for each in self.registered.values() if each.relying_party_id == relying_party_id
        ]
