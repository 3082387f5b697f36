"""
where = "boot"
report = 'Bench is not a model'
fix = 'Derive it'
"""

from changemaker_core import Plugin, hookimpl


class Bench:  # HERE
    name = "oak"


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_models(self):
        return [Bench]
