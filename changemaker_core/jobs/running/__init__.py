"""Running jobs: claiming them, calling their functions, renewing leases, and stopping in order."""
