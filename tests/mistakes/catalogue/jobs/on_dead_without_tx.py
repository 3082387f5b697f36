"""
where = "boot"
report = "dry is on_dead of Job('parks.water'), called as on_dead(tx, **payload): too many"
fix = "Write it for this call"
"""

from changemaker_core import Job, Plugin


def water(run, park_id): ...


def dry(*, park_id): ...  # HERE


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Job("parks.water", water, on_dead=dry),)
