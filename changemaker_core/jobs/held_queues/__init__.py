"""Held queues: no job is claimed from them until an operator releases them.

``hold`` holds a queue and lists what waits in it. ``guard`` holds queues by itself: those whose
jobs must not run late, or again after the database was restored. ``counter_file`` is how a machine
remembers, outside of the database, how far its queues had come.
"""
