"""
where = "boot"
report = "No module named 'changemaker_no_such_module'"
fix = 'Install the package'
"""

from changemaker_no_such_module import BENCHES  # HERE

from changemaker_core import Plugin


class ParksPlugin(Plugin):
    name = "parks"
    benches = BENCHES
