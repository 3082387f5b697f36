"""Organisers' pages about letters: which there are, and what became of each."""
