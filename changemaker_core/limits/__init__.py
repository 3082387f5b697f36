"""Rate limits that protect this process."""
