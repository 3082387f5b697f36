"""The SQLite engine: reader threads and the event loop read, one writer thread writes.

``engine.py`` reads and opens connections, ``writer.py`` writes and holds the lock by which
processes take turns, ``versions.py`` numbers commits, so that other processes notice them.
"""
