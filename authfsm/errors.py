"""What can go wrong, sorted by whose fault it is; facts hang on the exception, not in a string.

* `CallerError`: ours. The program gave what this state does not take, or out of turn.
* `UserError`: the person's. A wrong code or password; `ruling` says whether to try again. `InvalidInput`
  is one: what was typed cannot be an answer (no digits, nothing at all), and was not sent.
* `TimeError`: nobody's. Too late (start again) or too often (wait).
* `ServiceError`: Cognito's, a trigger's, or the network's. A reply off the table, a lost connection.
* `OperatorError`: the configuration's. Pool, app client or IAM must be mended.

A refused request raises the class of its fault; `error.refusal` holds Cognito's own code and message,
`error.ruling` what to do next, `error.survives` whether the sign-in can be answered again.
No message holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from authfsm.protocol.error_policy import Fault, Ruling
from authfsm.protocol.states import State


class AuthfsmError(Exception):
    """The root of every error of this package; its attributes are the facts.

    Args:
        message: one sentence, free of secrets.
        state: where the sign-in stands now, after the error; None where there is none.
        ruling: what to do next.
    """

    fault: Fault = Fault.CALLER

    def __init__(
        self, message: str, *, state: State | None = None, ruling: Ruling | None = None
    ) -> None:
        super().__init__(message)
        self.state = state
        self.ruling = ruling
        self.flow: Any = None
        """The flow that was under way, where `Cognito.sign_in` raised this and so did not return it."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The flow stays at home: it holds a client and secrets.
        return _again, (type(self), self.args, {**self.__dict__, "flow": None})

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before the same is tried again: the service's own word, else the least that helps.

        None where waiting does not help.
        """
        said: float | None = getattr(getattr(self, "refusal", None), "retry_after", None)
        # A lock-out lasts 2^(n-5) seconds after n >= 5 failures, up to 15 minutes (AWS developer guide):
        # n is not known here, and one second is the least it can be.
        return (
            said
            if said is not None
            else {Ruling.WAIT: 1.0, Ruling.WAIT_OUT: 1.0}.get(self.ruling or Ruling.MEND)
        )

    @property
    def survives(self) -> bool:
        """Can the sign-in still be answered?"""
        return self.state not in {None, State.FAILED}


def _again(kind: type[AuthfsmError], args: tuple[Any, ...], facts: dict[str, Any]) -> AuthfsmError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class CallerError(AuthfsmError):
    """The program's fault."""

    fault = Fault.CALLER


class UserError(AuthfsmError):
    """The person's fault: a wrong code, a wrong password."""

    fault = Fault.USER


class TimeError(AuthfsmError):
    """Nobody's fault: too late, or too often."""

    fault = Fault.TIME


class ServiceError(AuthfsmError):
    """Cognito's fault, a trigger's, or the network's."""

    fault = Fault.SERVICE


class OperatorError(AuthfsmError):
    """The configuration's fault: pool, app client or IAM."""

    fault = Fault.OPERATOR


class BadField(CallerError, ValueError):
    """A response was built with a field that cannot be: empty, or of the wrong type.

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
    """What a person typed or chose cannot be an answer; nothing was sent, and the sign-in stands.

    It is a BadField as well, so that one class covers every field that cannot be. Its fault is the
    person's: ask again (`ruling` is TRY_AGAIN, and `survives` is true).

    Args:
        response: the response's class.
        field: the field's name.
        why: what is wrong with it; never its value.
        advice: what is right, in a sentence for the person.
        state: where the sign-in stands, where that is known.
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
        self.ruling = Ruling.TRY_AGAIN

    @property
    def survives(self) -> bool:
        """Can the sign-in still be answered? It can: nothing was sent."""
        return self.state is not State.FAILED


class WrongResponse(CallerError):
    """The state does not take this response; nothing was sent and nothing changed.

    Args:
        state: where the sign-in stands.
        response: the response's class.
        accepts: the classes that are taken now, in the table's order.
        why: what is missing, where the state takes the response but not yet, or not in this challenge.
    """

    def __init__(
        self, state: State, response: type, accepts: Iterable[type], why: str | None = None
    ) -> None:
        self.accepts: Final = tuple(accepts)
        names = ", ".join(each.__name__ for each in self.accepts) or "nothing"
        super().__init__(
            f"{state} does not take {response.__name__}{f' {why}' if why else ''}; it takes {names}",
            state=state,
        )
        self.response = response
        self.why = why


class OutOfTurn(CallerError):
    """A response was sent while another awaits its reply, or a reply came that nobody awaits."""


class OffTheTable(ServiceError):
    """The reply leads where the protocol's table has no arrow; nothing changed.

    Args:
        state: where the sign-in stands.
        response: the class of the response that was sent.
        leads_to: where the reply would lead.
    """

    def __init__(self, state: State, response: type, leads_to: State) -> None:
        super().__init__(
            f"the reply to {response.__name__} in {state} leads to {leads_to}, which the table does not have",
            state=state,
        )
        self.response = response
        self.leads_to = leads_to


class ProofRefused(ServiceError):
    """The service asks for a proof by SRP, and its challenge does not answer an SRP_A of this sign-in's.

    Whoever chooses B, salt and secret block for an SRP_A that has served before can test a password with
    each proof. No proof is made; nothing was sent and nothing changed. Start again.

    Args:
        state: where the sign-in stands.
    """

    def __init__(self, state: State) -> None:
        super().__init__(
            f"{state} came without an SRP_A that it answers: a proof for it would let the service"
            " test a password; start again",
            state=state,
            ruling=Ruling.START_AGAIN,
        )


class TooManySteps(ServiceError):
    """The service asked for more steps in a row than a sign-in takes without its user: start again.

    Args:
        state: where the sign-in stands.
        limit: how many steps were taken.
    """

    def __init__(self, state: State, limit: int) -> None:
        super().__init__(
            f"{limit} steps were taken in a row without new input, and {state} asks for another; start again",
            state=state,
            ruling=Ruling.START_AGAIN,
        )
        self.limit = limit


class MalformedReply(ServiceError):
    """The reply cannot be read as one of Cognito's; nothing changed.

    Args:
        what: which part of the reply, and what is wrong with it; never its value.
        state: where the sign-in stands.
    """

    def __init__(self, what: str, *, state: State | None = None) -> None:
        super().__init__(f"malformed reply: {what}", state=state)
        self.what = what


class ConnectionLost(ServiceError):
    """No reply came: the sign-in stands where it stood, and the same answer may be sent again.

    Cognito may have evaluated the request all the same. If it did, the session is spent and the
    answer sent again is refused with "session can only be used once": start again then.

    Args:
        why: the kind of failure, as the client library names it.
        state: where the sign-in stands.
    """

    def __init__(self, why: str, *, state: State | None = None) -> None:
        super().__init__(f"no reply came ({why})", state=state, ruling=Ruling.WAIT)
        self.why = why


class NotSent(CallerError):
    """The client library would not send the request; the sign-in stands where it stood.

    Args:
        why: what the library says; of a refused parameter no more than that.
        state: where the sign-in stands.
    """

    def __init__(self, why: str, *, state: State | None = None) -> None:
        super().__init__(f"the request was not sent ({why})", state=state, ruling=Ruling.TRY_AGAIN)
        self.why = why


class SealError(AuthfsmError):
    """A sealed or kept sign-in cannot be taken up; the concrete class says why. The person starts again."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the sign-in cannot be taken up: {why}", ruling=Ruling.START_AGAIN)
        self.why = why


class SealBroken(SealError, UserError):
    """It was changed on the way, or was sealed with a key that is not among those given."""


class SealExpired(SealError, TimeError):
    """Cognito's session within has expired."""


class SealGone(SealError, TimeError):
    """The store does not have it: it was taken already, has expired, or was dropped."""


class SealForeign(SealError, CallerError):
    """It belongs to another user pool or app client."""


class SealTooNew(SealError, CallerError):
    """A later version of this package sealed it, in a form this one does not know."""


class StoreUnavailable(ServiceError):
    """The store of the sign-ins that wait failed, or did not answer in time: try again a little later.

    What it was asked to do may have been done all the same. A sign-in that was taken and could not be put
    back is gone once its turn is up; the person then starts again.

    Args:
        why: the kind of failure, as the store's client names it; nothing of what was stored.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the store of waiting sign-ins is unavailable ({why})", ruling=Ruling.WAIT
        )
        self.why = why


class Refused(AuthfsmError):
    """Cognito refused the request; the concrete class says whose fault that was.

    Attributes:
        refusal: Cognito's code and message (`authfsm.protocol.replies.Refusal`).
    """

    refusal: Any


class RefusedCaller(Refused, CallerError):
    """Refused, by the program's fault: a spent session, a missing SECRET_HASH."""


class RefusedUser(Refused, UserError):
    """Refused, by the person's fault: a wrong code or password."""


class RefusedForNow(Refused, TimeError):
    """Refused, for reasons of time: an expired session, a lock-out, throttling."""


class RefusedByService(Refused, ServiceError):
    """Refused, by the service's or a trigger's own failure."""


class RefusedByConfiguration(Refused, OperatorError):
    """Refused, for the pool's, the app client's or IAM's configuration."""


_REFUSED: Final[dict[Fault, type[Refused]]] = {
    Fault.CALLER: RefusedCaller,
    Fault.USER: RefusedUser,
    Fault.TIME: RefusedForNow,
    Fault.SERVICE: RefusedByService,
    Fault.OPERATOR: RefusedByConfiguration,
}


def refused(refusal: Any, *, state: State) -> Refused:
    """The exception for a refusal, of the class of its fault.

    Args:
        refusal: the `authfsm.protocol.replies.Refusal`.
        state: where the sign-in stands now.
    """
    error = _REFUSED[refusal.fault](
        f"{refusal.code}: {refusal.message} [{refusal.ruling.advice}]",
        state=state,
        ruling=refusal.ruling,
    )
    error.refusal = refusal
    return error
