"""API keys of everybody: who holds which, and how one is revoked."""
