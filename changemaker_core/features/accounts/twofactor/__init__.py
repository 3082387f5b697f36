"""Two-factor sign-in: a code of an authenticator app beside the password, or a recovery code."""
