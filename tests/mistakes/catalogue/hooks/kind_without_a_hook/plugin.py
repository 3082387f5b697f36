"""
where = "boot"
report = "has a Kind for 'parks_register_bench', and no such hook"
fix = "Did you mean 'parks_register_benches'"
place = false
"""

from changemaker_core import Plugin


class ParksPlugin(Plugin):
    name = "parks"
