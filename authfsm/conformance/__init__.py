"""The Cognito conformance suite behind `authfsm conform`: rules about Cognito, run at an endpoint through boto3.

Private: the command line is its interface. `rule` says what a rule is, `rules` has all of them, `trial` is what a rule
works with, a `PoolProvider` creates its pools, `runner` runs rules at endpoints, `report` writes the results.
"""

from __future__ import annotations
