"""Private: serves a local pool over HTTP and stores its state in a file; `authfsm serve` runs it.

Its libraries (uvicorn, starlette, cattrs) are the extra `authfsm[server]`; the pool itself needs none of them.
"""
