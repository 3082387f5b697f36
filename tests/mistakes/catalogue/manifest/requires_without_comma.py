"""
where = "boot"
report = '`requires` is not a tuple of names'
fix = 'with the comma'
"""

from changemaker_core import Plugin


class ParksPlugin(Plugin):  # HERE
    name = "parks"

    requires = "map"
