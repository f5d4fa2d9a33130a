"""The exceptions of this package, grouped by who is at fault; the details are attributes of the exception.

* `CallerError`: the program is at fault, for example because it sent a response that the state does not accept.
* `UserError`: the user is at fault, for example with a wrong code; `action` says whether the user may try again.
  The subclass `InvalidInput` means that the input was not sent: it is empty, or a code has letters, for example.
* `TimeError`: nobody is at fault. The answer came too late (start again), or there were too many requests (wait).
* `ServiceError`: Cognito, a Lambda trigger or the network is at fault. A reply is missing or unexpected, for example.
* `OperatorError`: the configuration of user pool, app client or IAM is wrong, or a Lambda trigger denies the user.

If Cognito refuses a request, the exception is a `Refused` that is also an instance of one of these classes. Its
`refusal` has Cognito's code and message. `action` says what to do next, if anything helps. `survives` says whether the
sign-in can continue. No message contains a secret.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Protocol

from attrs import evolve

from authfsm.base.mixins import CompletesDocstring
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.error_sentences import NOT_SIGNED_IN, OTHER_STEP, sentence_of_code, status_and_sentence
from authfsm.protocol.replies import Refusal, Tokens
from authfsm.protocol.states import State

_SHORTEST_WAIT: Final = 1.0
"""In seconds. A lockout lasts 2^(n-5) s after n >= 5 failures, up to 15 minutes (AWS developer guide). n is unknown."""


class FlowInProgress(Protocol):
    """What `Flow` and `AsyncFlow` have in common; check the class before you call their other methods."""

    @property
    def state(self) -> State:
        """The state now."""

    @property
    def done(self) -> bool:
        """Whether the sign-in has ended."""

    @property
    def accepts(self) -> tuple[type, ...]:
        """The classes of the responses that the state accepts now."""

    def signed_in(self) -> Tokens:
        """Return the tokens of a complete sign-in."""

    def cancel(self) -> None:
        """Abandon the sign-in."""


class AuthfsmError(CompletesDocstring, Exception):
    """The base class of all errors that say who is at fault and what to do next. The message is a sentence without secrets.

    Attributes:
        state: the state of the sign-in after the error; None if there is no sign-in.
        action: what to do next, a `RecoveryAction`; None if the program must be corrected or the reply is invalid.
        flow: the flow with which to continue, if the failed call created or tried to store one; otherwise None.
        fault: who is at fault, a `Fault`.
    """

    fault: Fault = Fault.CALLER
    _fixed_presentation: ClassVar[tuple[int, str] | None] = None
    """The HTTP status and the sentence of a class, if its recovery action and fault do not decide them."""

    def __init__(self, message: str, *, state: State | None = None, action: RecoveryAction | None = None) -> None:
        super().__init__(message)
        self.state = state
        self.action = action
        self.flow: FlowInProgress | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled error does not include the flow, which holds a client and secrets.
        state = {**self.__dict__, "flow": None}
        return copyreg.__newobj__, (type(self), *self.args), state  # type: ignore[attr-defined]

    @property
    def retry_after(self) -> float | None:
        """The least number of seconds to wait before trying again; None if waiting does not help."""
        waits = self.action in {RecoveryAction.WAIT, RecoveryAction.WAIT_OUT}
        return _SHORTEST_WAIT if waits else None

    @property
    def survives(self) -> bool:
        """Whether the sign-in can continue. A refused refresh (START_AGAIN in AUTHENTICATED) does not end it."""
        must_restart = self.action is RecoveryAction.START_AGAIN and self.state is not State.AUTHENTICATED
        return self.state not in {None, State.FAILED} and not must_restart

    @property
    def http_status(self) -> int:
        """The status of an HTTP reply that reports this error (RFC 9110, RFC 6585).

        401: start again. 403: not allowed, or the account needs something first. 409: the sign-in is at another step, or
        busy. 422: the input is wrong. 429, 503: wait. 502: the service failed. 500: program or configuration is wrong.
        """
        return self._presentation[0]

    @property
    def _presentation(self) -> tuple[int, str]:
        fixed = self._fixed_presentation if self.action is None else None
        return fixed or status_and_sentence(self.action, self.fault)

    def for_person(self, translations: Mapping[str, str] | None = None) -> str:
        """Return what to show the user: a sentence or two without codes, names of operations or secrets.

        Args:
            translations: a translation for each of `authfsm.ERROR_SENTENCES`; a sentence without one stays English.
        """
        return _translated(self._presentation[1], translations)


def _translated(sentence: str, translations: Mapping[str, str] | None) -> str:
    return (translations or {}).get(sentence) or sentence


class CallerError(AuthfsmError):
    """The program is at fault."""

    fault = Fault.CALLER


class UserError(AuthfsmError):
    """The user is at fault: a wrong code or a wrong password."""

    fault = Fault.USER


class TimeError(AuthfsmError):
    """Nobody is at fault: the answer came too late, or there were too many requests or attempts."""

    fault = Fault.TIME


class ServiceError(AuthfsmError):
    """Cognito, a Lambda trigger or the network is at fault."""

    fault = Fault.SERVICE


class OperatorError(AuthfsmError):
    """The configuration of the user pool, the app client or IAM is at fault, or a Lambda trigger denies the user."""

    fault = Fault.OPERATOR


class ExplainedError(AuthfsmError):
    """An error whose message is a fixed sentence that contains `why`, the reason, which is never a secret."""

    _sentence: ClassVar[str]
    _action: ClassVar[RecoveryAction | None] = None

    def __init__(self, why: str, *, state: State | None = None) -> None:
        super().__init__(self._sentence.format(why), state=state, action=self._action)
        self.why = why


# ---- nothing was sent ----------------------------------------------------------------------------------


class BadField(CallerError, ValueError):
    """A field of the class `response` has an invalid value: `why` says what is wrong, and contains no secret."""

    def __init__(self, response: type, field: str, why: str) -> None:
        super().__init__(f"{response.__name__}.{field} {why}")
        self.response = response
        self.field = field
        self.why = why


class InvalidInput(UserError, BadField):
    """The user's input cannot be an answer; nothing was sent, and the sign-in is unchanged.

    InvalidInput is also a BadField, so that one class covers every invalid field. Ask the user again: `action` is
    TRY_AGAIN. `advice` tells the user what a valid answer is.
    """

    def __init__(
        self, response: type, field: str, why: str, advice: str | None = None, *, state: State | None = None
    ) -> None:
        super().__init__(response, field, why)
        self._template = advice or f"The {{field}} {why}."
        self.state = state
        self.action = RecoveryAction.TRY_AGAIN

    @property
    def advice(self) -> str:
        """A sentence that tells the user what a valid answer is: `for_person` without translations."""
        return self.for_person()

    def for_person(self, translations: Mapping[str, str] | None = None) -> str:
        """See `AuthfsmError.for_person`; the field's name (`friendly device name`) is translated too."""
        name = self.field.removeprefix("custom:").replace("_", " ")
        return _translated(self._template, translations).replace("{field}", _translated(name, translations))

    @property
    def survives(self) -> bool:
        """Whether the sign-in can continue. Nothing was sent, so this is false only if it had failed before."""
        return self.state is not State.FAILED


class WrongResponse(CallerError):
    """The state does not accept this response; nothing was sent and nothing changed.

    `accepts` are the classes that the state accepts now, in the table's order. If the state accepts the response at
    other times or in other challenges, `why` is the reason why not now; otherwise `why` is None.
    """

    _fixed_presentation = OTHER_STEP

    def __init__(self, state: State, response: type, accepts: Iterable[type], why: str | None = None) -> None:
        self.accepts: Final = tuple(accepts)
        names = ", ".join(each.__name__ for each in self.accepts) or "nothing"
        super().__init__(
            f"{state} does not accept {response.__name__}{f' {why}' if why else ''}; it accepts {names}", state=state
        )
        self.response = response
        self.why = why


class InvalidOperation(CallerError):
    """The call is not possible now, for example because an earlier response still awaits its reply."""

    _fixed_presentation = OTHER_STEP


class NotSent(ExplainedError, CallerError):
    """The client library refused to send the request, or `client_secret` returned no secret; the sign-in is unchanged.

    If the library refused a parameter, `why` only names the parameter, and `action` is TRY_AGAIN. Otherwise `action` is
    FIX_CONFIGURATION, and `why` is the reason, for example the library's message about credentials or a certificate.
    """

    _sentence = "the request was not sent ({}); correct this, then repeat the call"
    _action = RecoveryAction.FIX_CONFIGURATION


# ---- the reply is missing or invalid -------------------------------------------------------------------


class ProtocolViolation(ServiceError):
    """The reply leads to a state (`leads_to`) that the protocol's table does not allow here; nothing changed."""

    def __init__(self, state: State, response: type, leads_to: State) -> None:
        super().__init__(
            f"the reply to {response.__name__} in {state} leads to {leads_to}, which the protocol table does not allow",
            state=state,
        )
        self.response = response
        self.leads_to = leads_to


class ProofRefused(ServiceError):
    """The service asks for an SRP proof, but its challenge is not the reply to an SRP_A of this sign-in.

    A false server could choose B, salt and secret block itself, and test one guess of the password with each proof that
    it gets. So no proof is made; nothing was sent and nothing changed. Start again.
    """

    def __init__(self, state: State) -> None:
        super().__init__(
            f"{state} is not the reply to an SRP_A of this sign-in: a proof for it would let the service"
            " test a password; start again",
            state=state,
            action=RecoveryAction.START_AGAIN,
        )


class TooManySteps(ServiceError):
    """`limit` steps in a row needed no user input, and Cognito asks for another one. No sign-in has so many."""

    def __init__(self, state: State, limit: int) -> None:
        super().__init__(
            f"{limit} steps in a row needed no user input, and {state} asks for another one; start again",
            state=state,
            action=RecoveryAction.START_AGAIN,
        )
        self.limit = limit


class MalformedReply(ExplainedError, ServiceError):
    """The reply is not a valid Cognito reply; nothing changed. `why` names the invalid part, never its value."""

    _sentence = "malformed reply: {}"


class ConnectionLost(ExplainedError, ServiceError):
    """No reply came: the sign-in is unchanged, and the same request may be sent again.

    Cognito may still have evaluated the request. If it did, the session is used up, and Cognito refuses
    the repeated answer with "session can only be used once": then start again.
    `why` is the client library's name of the failure, or the time limit that has passed.
    """

    _sentence = "no reply came ({}); wait, then send the same request again"
    _action = RecoveryAction.WAIT


# ---- sealed and stored sign-ins ------------------------------------------------------------------------


class SealError(ExplainedError):
    """A sealed or stored sign-in, device or token cannot be used; the concrete class says why. The user starts again."""

    _sentence = "the seal cannot be used: {}; start again"
    _action = RecoveryAction.START_AGAIN


class SealBroken(SealError, UserError):
    """The seal was tampered with, or the key that sealed it is not among the keys of this program."""


class SealMissing(SealBroken):
    """There is no seal: the browser sent none, or nothing was stored."""

    @property
    def _presentation(self) -> tuple[int, str]:
        return NOT_SIGNED_IN


class SealExpired(SealError, TimeError):
    """The Cognito session in the seal has expired."""


class SealNotFound(SealError, TimeError):
    """The store does not have the sign-in: it was already taken, has expired, or was deleted."""


class SealWrongClient(SealError, CallerError):
    """The seal belongs to another user pool or app client."""


class SealTooNew(SealError, CallerError):
    """A newer version of this package made the seal, in a format that this version does not know."""


class StoreUnavailable(ExplainedError, ServiceError):
    """The store of pending sign-ins failed, or did not answer in time: try again a little later.

    The store may still have carried out the request. `why` is the store client's name of the failure, without values.
    """

    _sentence = "the store of pending sign-ins is unavailable ({}); try again later"
    _action = RecoveryAction.WAIT


class NotStored(StoreUnavailable):
    """The sign-in or the refreshed tokens of `flow` could not be put back; `put(flow, ticket)` stores them again."""

    _sentence = "the sign-in or its new tokens could not be stored ({}): put error.flow under its ticket again"
    flow: FlowInProgress


# ---- refusals ------------------------------------------------------------------------------------------


class Refused(AuthfsmError):
    """Cognito refused the request; the concrete class says who is at fault.

    `refusal` has Cognito's code and message, and the recovery action. If the request makes a certain cause likely,
    `hint` says what to try. `state` is None if there is no sign-in. `credentials`: whether a name or password was sent.
    """

    def __init__(
        self, refusal: Refusal, *, state: State | None, hint: str | None = None, credentials: bool = True
    ) -> None:
        advice, code = refusal.action.advice, f"{refusal.code}: {refusal.message}"
        if refusal.action is RecoveryAction.TRY_AGAIN and state in {None, State.AUTHENTICATED}:  # no session
            advice = "Correct the value, and send the request again."
        super().__init__(f"{code} [{advice}{f' {hint}' if hint else ''}]", state=state, action=refusal.action)
        self.refusal, self.hint, self._credentials = refusal, hint, credentials

    def __reduce__(self) -> tuple[Any, ...]:
        make, args, state = super().__reduce__()  # A pickled refusal does not include its Session, which is a secret.
        return make, args, {**state, "refusal": evolve(self.refusal, session=None)}

    def for_person(self, translations: Mapping[str, str] | None = None) -> str:
        """See `AuthfsmError.for_person`; the sentence depends on Cognito's code and message, too."""
        by_code = sentence_of_code(self.refusal.code, self.refusal.message, self.fault, credentials=self._credentials)
        return _translated(by_code or self._presentation[1], translations)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before trying again: those that the service asks for, otherwise the shortest useful delay."""
        delay = self.refusal.retry_after
        return super().retry_after if delay is None else delay


class RefusedCaller(Refused, CallerError):
    """Cognito refused the request; the program is at fault: a used session, a missing SECRET_HASH."""


class RefusedUser(Refused, UserError):
    """Cognito refused the request; the user is at fault: a wrong code or password."""


class RefusedForNow(Refused, TimeError):
    """Cognito refused the request because of timing: an expired session, a lockout, throttling."""


class RefusedByService(Refused, ServiceError):
    """Cognito refused the request because the service or a Lambda trigger failed."""


class RefusedByConfiguration(Refused, OperatorError):
    """Cognito refused the request because of the configuration, or of a Lambda trigger that denies the user."""


_REFUSED: Final = {each.fault: each for each in Refused.__subclasses__()}


def refused(refusal: Refusal, *, state: State | None, hint: str | None = None, credentials: bool = True) -> Refused:
    """Return the exception for a refusal; its class depends on who is at fault."""
    return _REFUSED[refusal.fault](refusal, state=state, hint=hint, credentials=credentials)
