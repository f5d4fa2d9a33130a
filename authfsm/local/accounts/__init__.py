"""The operations on accounts: sign-up, recovery, administration, profiles, enrolment."""
