"""
where = "boot"
report = "The metric 'benches_total' must be named cm_"
fix = 'Call it cm_'
"""

from changemaker_core import Metric, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_metrics(self):
        return [Metric("benches_total", "Benches")]
