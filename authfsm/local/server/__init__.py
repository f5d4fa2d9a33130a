"""Private: serves a local pool over HTTP and stores its state in a file; `authfsm serve` runs it.

Its libraries, cattrs and httptools, are the extra `authfsm[server]`; the pool itself does not need them.
"""
