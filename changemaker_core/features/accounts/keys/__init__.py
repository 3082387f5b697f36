"""API keys: how a program acts for a user, with some of the user's permissions."""
