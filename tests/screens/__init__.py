"""Every screen of organisers, as they meet it: found by its links, looked at in a browser."""
