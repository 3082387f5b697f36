"""Telephone numbers for a march, in a page that opens without a network."""
