"""
where = "boot"
report = "water is func of Job('parks.water'), called as func(run, **payload): too many"
fix = "Write it for this call"
"""

from changemaker_core import Job, Plugin


def water(): ...  # HERE


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Job("parks.water", water),)
