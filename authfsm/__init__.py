"""Amazon Cognito sign-in as one explicit state machine: client, diagrams, checks, local pools.

    from authfsm import Cognito, Code, State

All public names but those of the sub-packages are in `__init__.pyi`. Each is imported when it is first used: `import
authfsm` takes a few milliseconds and loads neither boto3 nor graphviz.
"""

from __future__ import annotations

from authfsm.base.lazy_names import lazy_names

__version__ = "0.1.0"
__getattr__, __dir__, _module_of = lazy_names(__name__, __file__)
__all__ = sorted(_module_of.keys() - {"Stepper"})  # noqa: PLE0605 - from the stub; Stepper needs an extra
