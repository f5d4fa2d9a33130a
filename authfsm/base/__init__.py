"""The ground floor: what every module may use and what knows nothing of Cognito's protocol."""
