"""Limits that protect this process: so many requests of an address in a period."""
