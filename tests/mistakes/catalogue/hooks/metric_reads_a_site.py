"""
where = "boot"
report = "count is read of Metric('cm_parks_trees'), called as read(): missing a"
fix = "Write it for this call"
"""

from changemaker_core import Metric, Plugin


def count(site):  # HERE
    return []


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Metric("cm_parks_trees", "Trees", "gauge", read=count),)
