"""Base classes for models of `build`: type checkers find the signatures of the triggers in the stub beside this module.

`python tests/test_model_triggers.py` regenerates the stub's list of triggers from the response classes.
"""

from __future__ import annotations


class ModelTriggers:
    """A base class for models of `build`: type checkers know `model.code("123456")` and `model.may_code()`.

    It adds nothing to the model at run time. Declare your own triggers without a value: `approve: Callable[..., bool]`.
    With `build(prefix=...)` the triggers have other names, so do not use this class.
    """


class AsyncModelTriggers(ModelTriggers):
    """A base class for models of an AsyncMachine: each trigger is a coroutine function."""
