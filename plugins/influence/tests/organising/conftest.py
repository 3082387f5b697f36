"""Organisers who sign in and use their pages as a browser without scripts does."""

from __future__ import annotations

import contextlib

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core.testing import as_role
from changemaker_influence.campaigns.permissions import SCOPE


@pytest.fixture
def organise(visit):
    """``async with organise() as (v, client)``: a site with admin, and an organiser's client.

    ``only`` is a function of ``v`` that makes the one campaign that their role is for.
    """

    @contextlib.asynccontextmanager
    async def open_(only=None, role="INFLUENCE_ADMIN", **options):
        async with visit(plugins=[AdminPlugin], **options) as v:
            on = None
            if only is not None:
                v.own = await only(v)
                on = (SCOPE, v.own["id"])
            async with as_role(v.app, role, on=on) as client:
                yield v, client

    return open_
