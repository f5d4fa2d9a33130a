"""Base classes for models of `build`: type checkers find the signatures of the triggers in the stub beside this module.

`python tests/test_triggers.py` regenerates the stub's list of triggers from the response classes.
"""

from __future__ import annotations


class ModelTriggers:
    """A base class for models of `build`: type checkers know `model.code("123456")` and `model.may_code()`.

    It adds nothing to the model; without a driver, a trigger accepts the reply or the state it leads to. Declare your own
    triggers without a value: `approve: Callable[..., bool]`. For `build(prefix=...)` the names differ, and this class
    does not apply.
    """


class AsyncTriggers(ModelTriggers):
    """The same for an AsyncMachine: each trigger is a coroutine function."""


Triggers = ModelTriggers
"""The public name; `authfsm.local.Triggers` are the Lambda functions of a local pool."""
