"""Queues of jobs: held, released, and tried."""
