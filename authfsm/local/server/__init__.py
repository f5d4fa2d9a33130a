"""Private: serves a local pool over HTTP and stores its state in a file; `authfsm serve` runs it.

Its library, cattrs, is the extra `authfsm[server]`; the pool itself does not need it.
"""
