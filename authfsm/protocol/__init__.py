"""Private: Cognito's sign-in protocol as data, and its rules. It sends nothing, and has no state machine and no client.

`states`, `responses` and `replies` are the vocabulary, `table` is the protocol, and `evidence` has the sources of
each transition; `account_table` and `account_requests` are the same for accounts. `error_policy` says what to do
after an error, `error_sentences` what the user reads, and `errors` has the exceptions. `auth_flows` has the flows and
the settings that allow them, `nodes` the roles of EMAIL_OTP, `api_requests` which response a request carries, which
requests may be repeated and the issuer of tokens, `forms` and `prompts` the questions for the user, `validators` the
checks of fields, and `links` the addresses of AWS's documentation. A rule of Cognito that several parts of the
package need belongs here. The public names, which `authfsm` exports, are in `authfsm/__init__.pyi`.
"""
