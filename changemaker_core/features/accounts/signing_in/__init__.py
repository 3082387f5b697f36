"""Sign-in with a password, whatever is opened by it: waits, known devices."""
