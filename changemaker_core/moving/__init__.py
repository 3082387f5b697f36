"""Move a site from one database to another, of whatever kind.

``moving`` copies every table in one transaction and compares both sides; ``tables`` says which
tables there are, ``values`` what the other database can store, and ``sources`` reads them while
nothing is written.
"""
