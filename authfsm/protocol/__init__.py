"""Private: Cognito's sign-in protocol as data, and its rules. It sends nothing, and has no state machine and no client.

`states`, `responses` and `replies` are the vocabulary, `table` is the protocol, and `evidence` reads the sources of
each transition. `account_table` is the table of accounts, and `account_requests` has the requests about them.
`error_policy` says what to do after an error, `error_sentences` has what the user reads, and `errors` has the
exceptions. `auth_flows` has the flows and the settings that allow them. `nodes` finds the role of EMAIL_OTP.
`api_requests` says which response a request carries, and whether it may be repeated. `forms` and `prompts` have the
questions for the user, `validators` checks fields, and `links` has the addresses of AWS's documentation. A rule of
Cognito that several parts of the package need belongs here. `authfsm/__init__.pyi` has the names that are public.
"""
