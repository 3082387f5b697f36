"""
where = "development"
report = "cm_register_permissions raised ValueError: no parks"
fix = "Correct it; meanwhile"
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Park:
    @endpoint(permission="parks.park.read")
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Route("/parks", Park()),)

    @hookimpl
    def cm_register_permissions(self):
        raise ValueError("no parks")  # HERE
