"""Webhooks: other programs are notified of what happens in a site, signed and in order."""
