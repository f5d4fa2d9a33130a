"""The sign-in protocol as data: no I/O, no machine, no client.

`states` and `responses` name what the table speaks of, `replies` what Cognito answers with, `table` is the
protocol, `evidence` says how each of its arrows is known, `error_policy` what each of Cognito's errors asks
of a client, `repetition` which requests may be sent twice, and `nodes` tells which factor an e-mailed
code is. `vocabulary` holds the names that several parts use (flows, factors, code fields), `classification`
says which response a request carries, and `links` has the addresses of AWS's documentation. A rule of
Cognito's that more than one part of the package needs belongs here.
"""
