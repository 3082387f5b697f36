"""Held queues: no job is claimed from them until they are released.

``hold`` holds a queue and lists what waits in it. ``guard`` holds queues by itself: those whose
jobs must not run late, or again after the database was restored; an operator releases them.
``trials`` holds those whose server takes nothing, and releases them once it does. ``counter_file``
is how a machine remembers, outside of the database, how far its queues had come.
"""
