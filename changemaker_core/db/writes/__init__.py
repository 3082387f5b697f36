"""Compiled writes: inserts, updates and deletes whose SQL is built once."""
