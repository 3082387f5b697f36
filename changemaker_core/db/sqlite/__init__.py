"""The SQLite engine: reader threads, one writer thread, and versions of tables."""
