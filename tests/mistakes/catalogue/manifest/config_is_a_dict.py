"""
where = "boot"
report = '`config` is not a msgspec Struct class'
fix = 'without instantiating'
"""

from changemaker_core import Plugin


class ParksPlugin(Plugin):  # HERE
    name = "parks"

    config = {"benches": 4}
