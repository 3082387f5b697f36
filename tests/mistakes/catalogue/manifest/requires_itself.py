"""
where = "boot"
report = '`after` names the plugin itself'
fix = 'Remove its own name'
"""

from changemaker_core import Plugin


class ParksPlugin(Plugin):  # HERE
    name = "parks"

    after = ("parks",)
