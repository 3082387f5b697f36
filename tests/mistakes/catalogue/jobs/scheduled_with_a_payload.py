"""
where = "boot"
report = "water is func of Job('parks.water'), called as func(run): missing a"
fix = "Write it for this call"
"""

from changemaker_core import Cron, Job, Plugin


def water(run, park_id): ...  # HERE


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Job("parks.water", water, schedule=Cron("0 8 * * *")),)
