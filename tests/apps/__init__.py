"""Example programs with a sign-in, to be read and copied."""
