"""A journey under way: an embedded pool with its user, what is to be given now, and the way taken so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from authfsm.base.secret import Secret
from authfsm.core.device import Device
from authfsm.journeys import person as p
from authfsm.journeys.inputs import NextInput, value
from authfsm.journeys.observed import ObservedPool
from authfsm.journeys.pools import Functions, ShiftedClock
from authfsm.protocol.errors import CallerError
from authfsm.protocol.table import Transition

if TYPE_CHECKING:
    from authfsm.conformance.passkey import VirtualPasskey
    from authfsm.drivers.boto import Cognito
    from authfsm.journeys.journey import Journey
    from authfsm.protocol.replies import Tokens


class UnexpectedPath(CallerError, AssertionError):
    """A sign-in has not taken the way of its journey.

    Args:
        journey: the journey's id.
        expected: the arrows of its way.
        walked: those that were taken.
    """

    def __init__(
        self, journey: str, expected: tuple[Transition, ...], walked: tuple[Transition, ...]
    ) -> None:
        right = next(
            (n for n, (a, b) in enumerate(zip(expected, walked, strict=False)) if a != b),
            min(len(expected), len(walked)),
        )
        due, took = _shown(expected[right : right + 1]), _shown(walked[right : right + 1])
        super().__init__(f"{journey}: step {right + 1} was to be {due}, and was {took}")
        self.journey = journey
        self.expected = expected
        self.walked = walked


class NothingSent(CallerError, AssertionError):
    """The same input was asked for a third time, and no request came to the pool in between.

    Args:
        journey: the journey's id.
        cue: what was to be given; its value is not in the message.
    """

    def __init__(self, journey: str, cue: NextInput) -> None:
        super().__init__(
            f"{journey}: {cue.response.__name__} in {cue.state} was handed out {_HANDED_OUT} times, and the app"
            " has sent the pool no request since: does it give what `cue()` says, and does its client reach"
            " this pool (`stage.client()`, or the endpoint of `stage.served()`)?"
        )
        self.journey = journey
        self.cue = cue


class NoProgress(CallerError, AssertionError):
    """The app has sent the pool request after request, and none was a step of the sign-in.

    Args:
        journey: the journey's id.
        cue: what was to be given.
        requests: how many requests came.
    """

    def __init__(self, journey: str, cue: NextInput, requests: int) -> None:
        super().__init__(
            f"{journey}: {cue.response.__name__} in {cue.state} is still to be given after {requests} requests"
            " that were no step of the sign-in: what does the pool refuse, or the app ask for, over and over?"
        )
        self.journey = journey
        self.cue = cue
        self.requests = requests


_HANDED_OUT: Final = 2
"""So often one cue is handed out without a request in between: to look at it, and to give it."""
_REQUESTS: Final = 100
"""So many requests may come for one step; a page that polls sends a few."""


def _shown(arrows: tuple[Transition, ...]) -> str:
    named = [f"{a.source} -{a.response.trigger}-> {a.dest}" for a in arrows]
    return named[0] if named else "no step at all"


class Stage:
    """A journey under way. It is made by `Journey.begin`.

    Args:
        journey: the journey.
        pool: the pool.
        functions: the pool's functions.
        clock: the pool's clock.
    """

    def __init__(
        self, journey: Journey, pool: ObservedPool, functions: Functions, clock: ShiftedClock
    ) -> None:
        self.journey = journey
        self.pool = pool
        self.clock = clock
        self.username = _username(pool)
        """Whom to sign in."""
        self.password: Secret[str] = p.PASSWORD
        """The user's password."""
        self.device: Device | None = None
        """The device to sign in on, if any: one that the pool remembers, or will have forgotten."""
        self.sign_up_session: Secret[str] | None = None
        """ConfirmSignUp's session, of somebody who has just signed up."""
        self.heard: dict[str, Any] = {}
        self._walked: list[Transition] = []
        self._values: dict[int, Secret[str] | None] = {}
        # For the step that is due: the requests when it became due, those at the last cue, and how many
        # cues were handed out since those.
        self._due = (-1, 0)
        self._handed_out = (0, 0)
        self._functions = functions
        self._prepare()
        functions.step = 0
        self._happens(0)
        pool.observe(self._told)

    def __repr__(self) -> str:
        return f"<Stage of {self.journey.id}, after {len(self._walked)} steps>"

    # ---- reaching the pool ------------------------------------------------------------------------------

    def client(self) -> Any:
        """A real boto3 client, answered by the pool; no request leaves the process."""
        return self.pool.client()

    def cognito(self, **settings: Any) -> Cognito:
        """This package's own driver, on the pool.

        Args:
            settings: of `authfsm.Cognito`.
        """
        settings.setdefault("admin", self.journey.admin)
        return self.pool.cognito(**settings)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the pool over HTTP until the end of the block, for an app in any language.

        Yields:
            The URL, to be given to the app as Cognito's endpoint.

        Raises:
            ImportError: the extra `authfsm[server]` is not installed.
        """
        from authfsm.journeys.serving import serving  # noqa: PLC0415 - only who serves waits for it

        with serving(self.pool) as url:
            yield url

    # ---- the way ----------------------------------------------------------------------------------------

    @property
    def walked(self) -> tuple[Transition, ...]:
        """The arrows that were taken so far, as the pool saw them."""
        return tuple(self._walked)

    def check(self) -> None:
        """Was the journey's way taken, all of it and nothing else?

        Raises:
            Strayed: it was not.
        """
        if self.walked != self.journey.path.arrows:
            raise UnexpectedPath(self.journey.id, self.journey.path.arrows, self.walked)

    def cue(self) -> NextInput | None:
        """What is to be given now; None once the tokens are there.

        Raises:
            Strayed: the sign-in has left the journey's way.
            NothingSent: it is asked for a third time with no request in between.
            NoProgress: requests come and come, and none is a step.
        """
        arrows, step = self.journey.path.arrows, len(self._walked)
        if arrows[:step] != self.walked:
            raise UnexpectedPath(self.journey.id, arrows, self.walked)
        if step == len(arrows):
            return None
        source, response, dest, _ = arrows[step]
        wrong = self.journey.refused(step)
        if step not in self._values:
            again = arrows[min(step + self.journey.stale(step), len(arrows) - 1)].dest
            self._values[step] = value(self, source, response, again, wrong=wrong)
        cue = NextInput(source, response, self._values[step], wrong, dest)
        self._check_progress(step, cue)
        return cue

    def _check_progress(self, step: int, cue: NextInput) -> None:
        """An app that does nothing, or never the right thing, would go round its loop for ever."""
        requests = self.pool.requests
        if self._due[0] != step:
            self._due = step, requests
        last, times = self._handed_out
        self._handed_out = requests, times + 1 if requests == last else 1
        if self._handed_out[1] > _HANDED_OUT:
            raise NothingSent(self.journey.id, cue)
        if requests - self._due[1] > _REQUESTS:
            raise NoProgress(self.journey.id, cue, requests - self._due[1])

    def signed(self) -> Secret[str]:
        """What the passkey signs, as it was asked last."""
        return Secret(self._passkey.sign(self.heard["CREDENTIAL_REQUEST_OPTIONS"]))

    @cached_property
    def _passkey(self) -> VirtualPasskey:
        from authfsm.conformance.passkey import VirtualPasskey  # noqa: PLC0415 - its library is an extra

        return VirtualPasskey(_relying_party(self.pool))

    def _told(self, arrow: Transition, reply: Mapping[str, Any]) -> None:
        self._walked.append(arrow)
        self._functions.step = len(self._walked)
        self.heard |= {**reply.get("ChallengeParameters", {}), **reply}
        self._happens(len(self._walked))

    # ---- what happens beside it -------------------------------------------------------------------------

    def _happens(self, after: int) -> None:
        """What an administrator does after so many steps."""
        happens = self.journey.plan.meanwhile.get(after)
        if happens is None:
            return
        who = {"UserPoolId": self.pool.pool_id, "Username": self.username}
        if happens.switch_on:
            preference = {**who, **happens.preference()}
            self.pool.answer("AdminSetUserMFAPreference", preference)
        if happens.expire_password:
            self._expire_password()
        if happens.forget_device and self.device is not None:
            self.pool.answer("AdminForgetDevice", {**who, "DeviceKey": self.device.key})

    def _expire_password(self) -> None:
        self.pool.answer(
            "AdminSetUserPassword",
            {
                "UserPoolId": self.pool.pool_id,
                "Username": self.username,
                "Password": p.PASSWORD.reveal(),
                "Permanent": False,
            },
        )

    def _prepare(self) -> None:
        """Make the user, and let happen what must have happened before."""
        person = self.journey.plan.person
        if person.newcomer:
            self._sign_up()
            return
        self.pool.add_user(self.username, **person.fields)
        if person.remembered or person.passkey:
            self._sign_in_before()
        if person.passkey_as_mfa:
            who = {"UserPoolId": self.pool.pool_id, "Username": self.username}
            self.pool.answer(
                "AdminSetUserMFAPreference", {**who, "WebAuthnMfaSettings": {"Enabled": True}}
            )
        if person.temporary:
            self._expire_password()

    def _sign_in_before(self) -> None:
        """Sign in by a way that is the preparation's own: an app client where the functions let one through."""
        own = self.pool.add_client(explicit_auth_flows=["ALLOW_CUSTOM_AUTH"])
        flow = self.pool.cognito(client_id=own.client_id, client_secret=None).sign_in(
            self.username, flow="CUSTOM_AUTH"
        )
        tokens = cast("Tokens", flow.tokens)  # they are here: nothing was asked
        if self.journey.plan.person.remembered:
            self.device = flow.confirm_device("laptop")
        if self.journey.plan.person.passkey:
            token = {"AccessToken": tokens.access_token.reveal()}
            begun = self.pool.answer("StartWebAuthnRegistration", token)
            made = self._passkey.create(begun["CredentialCreationOptions"])
            self.pool.answer("CompleteWebAuthnRegistration", {**token, "Credential": made})

    def _sign_up(self) -> None:
        app = self.pool.app_client
        who: dict[str, Any] = {"ClientId": app.client_id, "Username": self.username}
        if app.client_secret is not None:
            from authfsm import srp  # noqa: PLC0415 - only who has a secret needs it

            who["SecretHash"] = srp.secret_hash(
                self.username, app.client_id, app.client_secret.reveal()
            )
        begun = self.pool.answer(
            "SignUp",
            {
                **who,
                "Password": p.PASSWORD.reveal(),
                "UserAttributes": [{"Name": "email", "Value": p.EMAIL}],
            },
        )
        code = self.pool.outbox[-1].code.reveal()
        session = {"Session": begun["Session"]} if "Session" in begun else {}
        done = self.pool.answer("ConfirmSignUp", {**who, "ConfirmationCode": code, **session})
        self.sign_up_session = Secret(done["Session"])


def _username(pool: ObservedPool) -> str:
    attributes = pool.configuration.username_attributes
    if not attributes:
        return p.USERNAME
    return p.EMAIL if "email" in attributes else p.PHONE


def _relying_party(pool: ObservedPool) -> str:
    webauthn = pool.configuration.webauthn
    return webauthn.relying_party_id if webauthn is not None else "example.com"
