"""The operator's guide, followed word for word in an empty Debian: ``nox -s guide``."""
