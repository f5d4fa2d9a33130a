"""Drivers carry a sign-in's requests to Cognito: here, and only here, is I/O."""
