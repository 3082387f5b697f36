"""Directories of representatives."""
