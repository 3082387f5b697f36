"""Campaigns in several languages: writing their translations."""
