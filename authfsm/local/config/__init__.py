"""Private: the settings of a local pool, its clock, its errors, and the shapes of the API's requests.

Their public names are in `authfsm.local`.
"""
