"""Webhooks: other programs learn what happens; organisers see what was sent, and why not."""
