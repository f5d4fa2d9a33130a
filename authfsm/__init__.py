"""Amazon Cognito sign-in as one explicit state machine: client, diagrams, checks, local pools.

    from authfsm import Cognito, Code, State

`__init__.pyi` has the public names of this package; its sub-packages have public names of their own. A name is imported
when it is first used, so `import authfsm` takes a few milliseconds, and does not load boto3 or graphviz.
"""

from __future__ import annotations

from authfsm.base.lazy_names import lazy_names

__version__ = "0.1.0"
__getattr__, __dir__, _module_of = lazy_names(__name__, __file__)
__all__ = sorted(_module_of.keys() - {"Stepper"})  # noqa: PLE0605 - from the stub; Stepper needs an extra
