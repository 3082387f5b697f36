"""
where = "boot"
report = "watered is check of HealthCheck('parks.watered'), called as await check(site): too many"
fix = "Write it for this call"
"""

from changemaker_core import HealthCheck, Plugin


async def watered(): ...  # HERE


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (HealthCheck("parks.watered", watered),)
