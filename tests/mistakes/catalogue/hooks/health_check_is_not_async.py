"""
where = "boot"
report = "watered is check of HealthCheck('parks.watered'), called as await check(site): it is not"
fix = "Write it for this call"
"""

from changemaker_core import HealthCheck, Plugin


def watered(site): ...  # HERE


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (HealthCheck("parks.watered", watered),)
