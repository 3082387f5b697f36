"""The audit log as organisers read it."""
