"""Whatever people do to each other, together they never hold more than before."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core import Problem, new_id
from changemaker_core.features.accounts.roles import services as roles_of_site
from changemaker_core.features.accounts.roles.models import Grant, StoredRole
from changemaker_core.features.accounts.roles.rights import rights_of
from changemaker_core.features.accounts.roles.roles import roles_of
from changemaker_core.features.accounts.users import management
from changemaker_core.features.accounts.users.models import User
from changemaker_core.features.accounts.users.schemas import NewUser, UserChange
from tests.accounts.team import parks
from tests.accounts.team.parks import ParksPlugin

MANAGING = ("accounts.user.write", "accounts.role.write")
#: Who is there at first: two of equal rank, one who may only give roles, and those who hold more.
ROLES = {
    "LEAD": (*MANAGING, parks.READ),
    "DEPUTY": (*MANAGING, parks.READ),
    "GIVER": ("accounts.user.write",),
    "CLOSER": (*MANAGING, parks.CLOSE),
}
NAMES = [*ROLES, "MADE", "USER", "SUPER_ADMIN", "PARKS_ADMIN", "PARKS_READER"]
PEOPLE = ("LEAD", "DEPUTY", "GIVER")

people = st.integers(0, 5)
names = st.sampled_from(NAMES)
permissions = st.sets(st.sampled_from([*MANAGING, parks.READ, parks.WRITE, parks.CLOSE, "*"]))
actions = st.one_of(
    st.tuples(st.just("create"), people, names),
    st.tuples(st.just("role"), people, people, names),
    st.tuples(st.just("grant"), people, people, names, st.sampled_from(["elm", "oak"])),
    st.tuples(st.just("make"), people, permissions),
    st.tuples(st.just("edit"), people, names, permissions),
    st.tuples(st.just("suspend"), people, people),
    st.tuples(st.just("delete"), people, people),
)


class World:
    """The people of a site, and what they do to each other."""

    def __init__(self, site):
        self.site = site
        self.roles = roles_of(site)

    def begin(self, tx):
        for model in (Grant, User, StoredRole):
            model.delete().execute()
        moments = {"created_at": tx.now, "updated_at": tx.now}
        for name, held in ROLES.items():
            StoredRole.insert(
                name=name, description="x", permissions=sorted(held), **moments
            ).execute()
        for role in (*PEOPLE, "CLOSER", "SUPER_ADMIN"):
            email = f"{role.lower()}@example.org"
            User.create(email=email, name=role, role=role, password_hash="x", **moments)

    def everybody(self):
        return [str(user.id) for user in User.select(User.id).order_by(User.created_at, User.id)]

    def held(self, ids):
        """What these people hold together."""
        found = set()
        for id in ids:
            if User.get_or_none(User.id == id) is not None:
                rights = rights_of(self.roles, id)
                found |= {(each, None) for each in rights.permissions} | rights.scoped
        return found

    def act(self, tx, action, outsiders):
        """Do something as one who is no outsider; what is refused changes nothing."""
        kind, number, *rest = action
        insiders = [id for id in self.everybody() if id not in outsiders]
        if not insiders:
            return
        by = rights_of(self.roles, insiders[number % len(insiders)]).actor()
        everybody = self.everybody()
        target = everybody[rest[0] % len(everybody)] if isinstance(rest[0], int) else None
        try:
            with tx.savepoint():
                self._do(tx, kind, by, target, rest)
        except Problem as refused:
            assert refused.status in (403, 404, 409, 422)

    def _do(self, tx, kind, by, target, rest):
        manage_users, manage_roles = MANAGING
        if not by.has_permission(manage_roles if kind in ("make", "edit") else manage_users):
            return  # the route requires it
        if kind == "create":
            new = NewUser(email=f"{new_id()}@example.org", name="New", role=rest[0])
            management.create(tx, self.roles, by, new, "x")
        elif kind == "role":
            management.change(tx, self.roles, by, target, UserChange(role=rest[1]))
        elif kind == "grant":
            limited = {"role": rest[1], "scope": "parks.park", "object_id": rest[2]}
            roles_of_site.grant(tx, self.roles, by, target, **limited)
        elif kind == "make":
            new = {"name": "MADE", "description": "x", "permissions": rest[0]}
            roles_of_site.create_role(tx, self.roles, by, **new)
        elif kind == "edit":
            roles_of_site.change_role(tx, self.roles, by, rest[0], permissions=rest[1])
        else:
            getattr(management, kind)(tx, self.roles, by, target)


@pytest.mark.database("sqlite")
def test_together_people_never_hold_more_than_before(make_site):
    world = World(make_site(ParksPlugin))

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(actions, max_size=12))
    def check(plan):
        def run(tx):
            world.begin(tx)
            above_all = User.select().where(User.name.in_(["CLOSER", "SUPER_ADMIN"]))
            outsiders = {str(user.id) for user in above_all}
            before = world.held(set(world.everybody()) - outsiders)
            above = world.held(outsiders)
            # What holds for all parks holds for each.
            allowed = before | {(p, id) for p, _ in before for id in ("elm", "oak")}
            for action in plan:
                world.act(tx, action, outsiders)
            assert world.held(set(world.everybody()) - outsiders) <= allowed
            assert world.held(outsiders) >= above
            assert User.select().where(User.id.in_(list(outsiders))).count() == 2

        world.site.db.sync.write(run)

    check()


async def test_a_role_is_never_given_while_it_is_deleted(open_team):
    async with open_team() as team:
        root = await team.administrator()
        sam = await team.join()
        for number in range(5):
            name = await team.role(f"HELPER_{number}", parks.READ)
            given_, deleted = await asyncio.gather(
                root.status("PATCH", sam.path, role=name),
                root.status("DELETE", f"/api/roles/{name}"),
            )
            assert (given_, deleted) in ((200, 409), (422, 204))
            held = (await root.client.get(sam.path)).json()["role"]
            listed = (await root.client.get("/api/roles")).json()["data"]
            assert held in {each["name"] for each in listed}
