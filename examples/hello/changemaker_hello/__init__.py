"""A greeting, as a plugin."""
