"""The exceptions of this package, grouped by who is at fault; the details are attributes of the exception.

* `CallerError`: the program. It sent a response that this state does not accept, or at the wrong time.
* `UserError`: the user. A wrong code or password; `action` says whether the user may try again.
  `InvalidInput` is one: the input cannot be an answer (no digits, or empty), and was not sent.
* `TimeError`: nobody. The answer came too late (start again), or there were too many requests (wait).
* `ServiceError`: Cognito, a Lambda trigger or the network. An unexpected reply, a lost connection.
* `OperatorError`: the configuration. The user pool, the app client or IAM must be fixed.

A refused request raises the class of its fault. `error.refusal` holds Cognito's own code and message,
`error.action` says what to do next, and `error.survives` whether the sign-in can still be answered.
No message contains a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.states import State


class FlowInProgress(Protocol):
    """The part of `Flow` and `AsyncFlow` that is the same for both: check the class to call the rest."""

    @property
    def state(self) -> State:
        """The current state."""

    @property
    def done(self) -> bool:
        """Whether the sign-in has ended."""

    @property
    def accepts(self) -> tuple[type, ...]:
        """The responses that the challenge accepts now."""

    def cancel(self) -> None:
        """Abandon the sign-in."""


class AuthfsmError(Exception):
    """The base class of every exception of this package.

    Args:
        message: one sentence, without secrets.
        state: the state of the sign-in after the error; None if there is no sign-in.
        action: what to do next.
    """

    fault: Fault = Fault.CALLER

    def __init__(
        self, message: str, *, state: State | None = None, action: RecoveryAction | None = None
    ) -> None:
        super().__init__(message)
        self.state = state
        self.action = action
        self.flow: FlowInProgress | None = None
        """The flow in progress, if `Cognito.sign_in` raised this exception and so could not return it."""

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled error does not include the flow, which holds a client and secrets.
        return _again, (type(self), self.args, {**self.__dict__, "flow": None})

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before trying again: as the service says, otherwise the shortest useful delay.

        None if waiting does not help.
        """
        said: float | None = getattr(getattr(self, "refusal", None), "retry_after", None)
        # A lock-out lasts 2^(n-5) seconds after n >= 5 failures, up to 15 minutes (AWS developer guide):
        # n is not known here, and one second is the least it can be.
        return (
            said
            if said is not None
            else {RecoveryAction.WAIT: 1.0, RecoveryAction.WAIT_OUT: 1.0}.get(
                self.action or RecoveryAction.FIX_CONFIGURATION
            )
        )

    @property
    def survives(self) -> bool:
        """Return whether the sign-in can still be answered."""
        return self.state not in {None, State.FAILED}


def _again(kind: type[AuthfsmError], args: tuple[Any, ...], facts: dict[str, Any]) -> AuthfsmError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class CallerError(AuthfsmError):
    """The program is at fault."""

    fault = Fault.CALLER


class UserError(AuthfsmError):
    """The user is at fault: a wrong code or a wrong password."""

    fault = Fault.USER


class TimeError(AuthfsmError):
    """Nobody is at fault: the answer came too late, or there were too many requests."""

    fault = Fault.TIME


class ServiceError(AuthfsmError):
    """Cognito, a Lambda trigger or the network is at fault."""

    fault = Fault.SERVICE


class OperatorError(AuthfsmError):
    """The configuration of the user pool, the app client or IAM is at fault."""

    fault = Fault.OPERATOR


class BadField(CallerError, ValueError):
    """A field of a response has an invalid value: it is empty, or of the wrong type.

    Args:
        response: the response's class.
        field: the field's name.
        why: what is wrong with it; never its value.
    """

    def __init__(self, response: type, field: str, why: str) -> None:
        super().__init__(f"{response.__name__}.{field} {why}")
        self.response = response
        self.field = field
        self.why = why


class InvalidInput(UserError, BadField):
    """The user's input cannot be an answer; nothing was sent, and the sign-in is unchanged.

    It is also a BadField, so that one class covers every invalid field. The user is at fault:
    ask again (`action` is TRY_AGAIN, and `survives` is true).

    Args:
        response: the response's class.
        field: the field's name.
        why: what is wrong with it; never its value.
        advice: what a valid answer is, in a sentence for the user.
        state: the state of the sign-in, if it is known.
    """

    def __init__(
        self,
        response: type,
        field: str,
        why: str,
        advice: str | None = None,
        *,
        state: State | None = None,
    ) -> None:
        super().__init__(response, field, why)
        self.advice = advice or f"The {field.replace('_', ' ')} {why}."
        self.state = state
        self.action = RecoveryAction.TRY_AGAIN

    @property
    def survives(self) -> bool:
        """Return whether the sign-in can still be answered: yes unless it has failed, as nothing was sent."""
        return self.state is not State.FAILED


class WrongResponse(CallerError):
    """The state does not accept this response; nothing was sent and nothing changed.

    Args:
        state: the state of the sign-in.
        response: the response's class.
        accepts: the classes that are accepted now, in the table's order.
        why: the reason, if the state accepts the response in general, but not yet or not in this challenge.
    """

    def __init__(
        self, state: State, response: type, accepts: Iterable[type], why: str | None = None
    ) -> None:
        self.accepts: Final = tuple(accepts)
        names = ", ".join(each.__name__ for each in self.accepts) or "nothing"
        super().__init__(
            f"{state} does not accept {response.__name__}{f' {why}' if why else ''}; it accepts {names}",
            state=state,
        )
        self.response = response
        self.why = why


class InvalidOperation(CallerError):
    """A response was sent while an earlier one still awaits its reply, or a reply came that was not awaited."""


class ProtocolViolation(ServiceError):
    """The reply leads to a state that the protocol's table does not allow here; nothing changed.

    Args:
        state: the state of the sign-in.
        response: the class of the response that was sent.
        leads_to: the state that the reply names.
    """

    def __init__(self, state: State, response: type, leads_to: State) -> None:
        super().__init__(
            f"the reply to {response.__name__} in {state} leads to {leads_to}, which the protocol table does not allow",
            state=state,
        )
        self.response = response
        self.leads_to = leads_to


class ProofRefused(ServiceError):
    """The service asks for an SRP proof, but its challenge does not reply to an SRP_A of this sign-in.

    A server that chooses B, salt and secret block for an SRP_A that was used before can test one password
    with each proof. No proof is made; nothing was sent and nothing changed. Start again.

    Args:
        state: the state of the sign-in.
    """

    def __init__(self, state: State) -> None:
        super().__init__(
            f"{state} does not reply to an SRP_A of this sign-in: a proof for it would let the service"
            " test a password; start again",
            state=state,
            action=RecoveryAction.START_AGAIN,
        )


class TooManySteps(ServiceError):
    """The service asked for more consecutive steps without user input than a sign-in can need: start again.

    Args:
        state: the state of the sign-in.
        limit: the number of steps that were taken.
    """

    def __init__(self, state: State, limit: int) -> None:
        super().__init__(
            f"{limit} steps were taken in a row without new input, and {state} asks for another; start again",
            state=state,
            action=RecoveryAction.START_AGAIN,
        )
        self.limit = limit


class MalformedReply(ServiceError):
    """The reply is not a valid Cognito reply; nothing changed.

    Args:
        what: which part of the reply is invalid, and why; never its value.
        state: the state of the sign-in.
    """

    def __init__(self, what: str, *, state: State | None = None) -> None:
        super().__init__(f"malformed reply: {what}", state=state)
        self.what = what


class ConnectionLost(ServiceError):
    """No reply came: the sign-in is unchanged, and the same answer may be sent again.

    Cognito may still have evaluated the request. If it did, the session is used up, and Cognito refuses
    the repeated answer with "session can only be used once": then start again.

    Args:
        why: the kind of failure, as the client library names it.
        state: the state of the sign-in.
    """

    def __init__(self, why: str, *, state: State | None = None) -> None:
        super().__init__(f"no reply came ({why})", state=state, action=RecoveryAction.WAIT)
        self.why = why


class NotSent(CallerError):
    """The client library refused to send the request; the sign-in is unchanged.

    Args:
        why: the library's message; for a refused parameter only that it was refused.
        state: the state of the sign-in.
    """

    def __init__(self, why: str, *, state: State | None = None) -> None:
        super().__init__(
            f"the request was not sent ({why})", state=state, action=RecoveryAction.TRY_AGAIN
        )
        self.why = why


class SealError(AuthfsmError):
    """A sealed or stored sign-in cannot be resumed; the concrete class says why. The user starts again."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the sign-in cannot be resumed: {why}", action=RecoveryAction.START_AGAIN)
        self.why = why


class SealBroken(SealError, UserError):
    """The sealed text was tampered with, or was sealed with a key that is not among those given."""


class SealExpired(SealError, TimeError):
    """The Cognito session in it has expired."""


class SealNotFound(SealError, TimeError):
    """The store does not have the sign-in: it was already taken, has expired, or was deleted."""


class SealWrongClient(SealError, CallerError):
    """The sign-in belongs to another user pool or app client."""


class SealTooNew(SealError, CallerError):
    """A newer version of this package sealed it, in a format that this version does not know."""


class StoreUnavailable(ServiceError):
    """The store of pending sign-ins failed, or did not answer in time: try again a little later.

    The store may still have done what it was asked to do. A sign-in that was taken and could not be put
    back is lost once its turn has timed out; the user then starts again.

    Args:
        why: the kind of failure, as the store's client names it; nothing of what was stored.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the store of pending sign-ins is unavailable ({why}); try again later",
            action=RecoveryAction.WAIT,
        )
        self.why = why


class Refused(AuthfsmError):
    """Cognito refused the request; the concrete class says who is at fault.

    Attributes:
        refusal: Cognito's code and message (`authfsm.protocol.replies.Refusal`).
    """

    refusal: Any


class RefusedCaller(Refused, CallerError):
    """Cognito refused the request; the program is at fault: a used session, a missing SECRET_HASH."""


class RefusedUser(Refused, UserError):
    """Cognito refused the request; the user is at fault: a wrong code or password."""


class RefusedForNow(Refused, TimeError):
    """Cognito refused the request because of timing: an expired session, a lockout, throttling."""


class RefusedByService(Refused, ServiceError):
    """Cognito refused the request because the service or a Lambda trigger failed."""


class RefusedByConfiguration(Refused, OperatorError):
    """Cognito refused the request because of the configuration of the pool, the app client or IAM."""


_REFUSED: Final[dict[Fault, type[Refused]]] = {
    Fault.CALLER: RefusedCaller,
    Fault.USER: RefusedUser,
    Fault.TIME: RefusedForNow,
    Fault.SERVICE: RefusedByService,
    Fault.OPERATOR: RefusedByConfiguration,
}


def refused(refusal: Any, *, state: State) -> Refused:
    """Return the exception for a refusal, of the class of its fault.

    Args:
        refusal: the `authfsm.protocol.replies.Refusal`.
        state: the state of the sign-in now.
    """
    error = _REFUSED[refusal.fault](
        f"{refusal.code}: {refusal.message} [{refusal.action.advice}]",
        state=state,
        action=refusal.action,
    )
    error.refusal = refusal
    return error
