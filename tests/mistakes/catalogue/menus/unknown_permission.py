"""
where = "boot"
report = "NavigationEntry('/parks') needs the permission 'parks.park.red', which"
fix = "Did you mean 'parks.park.read'?"
"""

from changemaker_core import NavigationEntry, Permission, Plugin, Route, endpoint


class Parks:
    @endpoint(permission="parks.park.read")
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):  # HERE
    name = "parks"
    contributes = (
        Permission("parks.park.read", "Read parks."),
        Route("/parks", Parks()),
        NavigationEntry("Parks", "/parks", permission="parks.park.red"),
    )
