"""What an intruder does who can write to the database: nothing stops them there."""

from __future__ import annotations

import pytest

from changemaker_core.features.audit import sealing


@pytest.fixture
def site(make_site):
    return make_site()


@pytest.fixture
def seal(site):
    """``seal()`` seals what was recorded."""

    def run():
        while site.db.sync.write(sealing.seal, site):
            pass

    return run


@pytest.fixture
def intrude(site):
    """``intrude(sql, *values)`` runs a statement, without the triggers."""

    def run(sql, *values):
        def statement(tx):
            for name in ("update", "delete"):
                on = "" if tx.dialect == "sqlite" else " ON core_audit_entry"
                drop = f"DROP TRIGGER IF EXISTS core_audit_entry_{name}{on}"
                tx.database.execute_sql(drop)
            text = sql if tx.dialect == "sqlite" else sql.replace("?", "%s")
            tx.database.execute_sql(text, values)

        site.db.sync.write(statement)

    return run
