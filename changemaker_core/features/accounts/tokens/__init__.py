"""Sessions of the API: access tokens and refresh tokens."""
