"""Plugins: the base class, discovery, load order, hooks, contributions and boot errors."""
