"""The API's operations on users: the first request of a sign-in, sign-up, recovery, profiles, enrolment, administration.

Private: `authfsm.local.api.operations` calls these functions. Most are named after their operation.
"""
