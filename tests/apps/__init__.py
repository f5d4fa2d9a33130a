"""Programs that embed a sign-in, to be read and copied."""
