"""Sessions in browsers: the cookie's authenticator, sign-in, and the list of a user's sessions."""
