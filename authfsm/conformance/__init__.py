"""The Cognito conformance suite behind `authfsm conform`: rules about Cognito, run at an endpoint through boto3.

Private: the command line is its interface. `rule` defines rules and `RuleContext`, `rules` has all rules, a `PoolProvider`
provides their pools, `run` runs them at endpoints, and `report` formats the results.
"""
