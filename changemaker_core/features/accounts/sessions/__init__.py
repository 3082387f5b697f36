"""Sessions of users, in browsers and of the API: how they are found, confirmed and ended."""
