"""Amazon Cognito sign-in as one explicit state machine."""
