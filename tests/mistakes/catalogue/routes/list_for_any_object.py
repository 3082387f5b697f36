"""
where = "boot"
report = '@endpoint of Parks.on_get'
fix = 'it declares on="*" but does not take objects'
"""

from changemaker_core import Permission, Plugin, Route, endpoint


class Parks:
    @endpoint(permission="parks.park.read", on="*")  # HERE
    async def on_get(self, req, resp):
        return {"data": []}


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Permission("parks.park.read", "See parks"), Route("/parks", Parks()))
