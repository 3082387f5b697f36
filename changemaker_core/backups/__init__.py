"""Backups of a whole site: database, configuration and files in one archive.

``making`` writes one while the site runs, ``restoring`` makes a site of one, ``drilling`` proves
that one can be restored. ``manifest`` is what an archive says about itself; ``databases`` copies
and loads SQLite and PostgreSQL.
"""
