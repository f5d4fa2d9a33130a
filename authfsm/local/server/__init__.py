"""The pool over HTTP, and its state in a file: what `authfsm serve` runs.

Its libraries (uvicorn, starlette, cattrs) are the extra `authfsm[server]`; the pool itself does without.
"""
