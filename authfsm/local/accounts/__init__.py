"""The API's operations on accounts: signing in and up, recovery, profiles, enrolment, administration.

Private: `authfsm.local.api.operations` calls these functions, each named after its operation.
"""
