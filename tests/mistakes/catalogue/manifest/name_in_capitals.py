"""
where = "boot"
report = "Its name is 'Parks'"
fix = 'a-z and 0-9'
"""

from changemaker_core import Plugin


class ParksPlugin(Plugin):  # HERE
    name = "Parks"
