"""
where = "boot"
report = '`config` is not a msgspec Struct class'
fix = 'Give it the class'
"""

import msgspec

from changemaker_core import Plugin


class ParksConfig(msgspec.Struct):
    benches: int = 4


class ParksPlugin(Plugin):  # HERE
    name = "parks"

    config = ParksConfig()
