"""
where = "boot"
report = 'ParksPlugin() raised TypeError'
fix = 'called without arguments'
"""

from changemaker_core import Plugin


class ParksPlugin(Plugin):  # HERE
    name = "parks"

    def __init__(self, site):
        self.site = site
