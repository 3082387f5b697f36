"""Bulk actions: what an organiser does to many rows of a list, as a job with progress.

``starting`` stores what was confirmed, ``selecting`` writes down the rows, ``working`` does them in
transactions of some each, and ``jobs`` is the loop around both. ``preview`` is the page before it,
``progress`` the pages after.
"""
