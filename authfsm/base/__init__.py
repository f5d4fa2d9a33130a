"""Private: code that every other folder may use and that knows nothing of Cognito's protocol."""
