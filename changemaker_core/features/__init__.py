"""Core's own features, each a plugin written against the public names only."""
