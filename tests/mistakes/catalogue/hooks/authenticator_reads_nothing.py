"""
where = "boot"
report = "The authenticator 'parks.badge' names no headers and no cookies"
fix = 'Name them'
"""

from changemaker_core import Authenticator, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_authenticators(self):
        return [Authenticator("parks.badge", print)]
