"""Which tables and rows a statement reads and writes, and who is notified of a write."""
