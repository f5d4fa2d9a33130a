"""The Cognito conformance suite behind `authfsm conform`: rules about Cognito, run at an endpoint through boto3.

Private: the command line is its interface. `rule` says what a rule is and what it works with (`Trial`), `rules` has all
of them, a `PoolProvider` creates their pools, `runner` runs rules at endpoints, `report` writes the results.
"""
