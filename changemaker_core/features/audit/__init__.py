"""The audit log: entries are sealed into a chain, verified, listed and exported."""
