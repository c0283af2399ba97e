"""The canaries are everywhere: a table or a column without them would hide its leaks."""

import pytest
from sqlalchemy import ARRAY, Text
from sqlalchemy.dialects.postgresql import JSONB

from tests.isolation.founding import FED, tenant_tables, zones_of
from tests.isolation.questions import TYPES
from tests.isolation.rows import FORMS, LEFT
from tests.isolation.world import (
    ABOUT_PEOPLE,
    FOR_ADMINISTRATORS,
    FOR_NOBODY,
    OF_EVERYBODY,
    OF_ONE_PERSON,
    TENANTS,
    WIDE,
)

TENANT_TABLES = """
SELECT c.table_name FROM information_schema.columns c
JOIN pg_class t ON t.oid = c.table_name::regclass AND t.relkind IN ('r', 'p')
WHERE c.table_schema = 'public' AND c.column_name = 'organization_id' AND NOT t.relispartition
"""


@pytest.mark.slow
async def test_every_tenant_table_of_the_database_has_canaries_of_every_tenant(canaries):
    found = {row["table_name"] for row in await canaries.superuser.fetch(TENANT_TABLES)}
    assert found > FED
    tables = found - FED
    assert tables == {table.name for table in tenant_tables()}
    for table in tables:
        for tenant in TENANTS:
            organization = canaries.row(tenant, "organization", "organizations").id
            found = await canaries.superuser.fetchval(
                f"SELECT count(*) FROM {table} WHERE organization_id = $1", organization
            )
            assert found >= len(canaries.rows(table=table, tenant=tenant)) > 0, (
                table
            )  # seals are made meanwhile


@pytest.mark.parametrize("table", tenant_tables(), ids=lambda table: table.name)
def test_every_zone_and_every_column_of_a_table_has_canaries(canaries, table):
    rows = canaries.rows(table=table.name, tenant="theirs")
    if table.name != "organization_members":
        assert {row.zone for row in rows} == set(zones_of(table))
    for column in table.columns:
        telling = isinstance(column.type, Text | ARRAY | JSONB) and column.computed is None
        if telling and column.name not in LEFT and "{code}" in FORMS.get(column.name, "{code}"):
            held = [row for row in rows if row.code in str(row.values[column.name])]
            assert held == rows, column


def test_somebody_has_said_who_may_see_each_table_that_is_shown():
    """`may_read` would treat any other table as the content of a project."""
    content = {
        table.name
        for table in tenant_tables()
        if "project_id" in table.columns and not table.columns["project_id"].nullable
    }
    told = content | ABOUT_PEOPLE | FOR_ADMINISTRATORS | OF_ONE_PERSON | OF_EVERYBODY
    told |= {"projects", "profiles"} | WIDE
    assert set(TYPES) <= told - FOR_NOBODY
