"""Messages to representatives, and the ledger of what was sent."""
