"""Tenants take turns at the workers, whatever each of them has in the queue."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from graph.compliance.judging import queue
from tests.compliance.assessing import Assessing
from tests.core.keys import make_key

TENANT = "INSERT INTO organizations (name, slug, owner_id) VALUES ('T', $1, $2) RETURNING id"
MEMBER = "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)"
DOCUMENT = """
INSERT INTO compliance_documents (id, organization_id, user_id, name, media_type, size, status,
    sha256) VALUES ($1, $2, $3, 'Policy.txt', 'text/plain', 5, 'ready', sha256(''))
"""
WAITING = """
INSERT INTO assessments (organization_id, user_id, compliance_document_id, document_name,
    created_at)
SELECT $1, $2, $3, 'Policy.txt', now() + $4 * interval '1 second' + n * interval '1 millisecond'
FROM generate_series(1, $5) AS n
"""


async def tenants_with(assessing: Assessing, *numbers: int) -> list[UUID]:
    """Return tenants that have these numbers of pending assessments, one behind the other."""
    world = assessing.world
    superuser, person = world.superuser, world.people["outsider"]
    made = []
    for place, number in enumerate(numbers):
        document = uuid7()
        tenant = await superuser.fetchval(TENANT, f"{world.name}-{place}".lower(), person)
        await superuser.execute(MEMBER, tenant, person)
        await superuser.execute(DOCUMENT, document, tenant, person)
        await superuser.execute(WAITING, tenant, person, document, float(place), number)
        made.append(tenant)
    return made


async def claimed(assessing: Assessing) -> list[UUID]:
    """Return the tenants of all that one worker claims, one at a time."""
    order = []
    while held := await queue.claim(assessing.world.database, "worker"):
        order.append(held.organization_id)
    return order


async def test_each_tenant_is_served_once_before_any_is_served_twice(assessing: Assessing):
    first, second, third = await tenants_with(assessing, 6, 3, 1)
    order = await claimed(assessing)
    assert set(order[:3]) == {first, second, third}
    assert set(order[3:5]) == {first, second}
    assert sorted(order[5:7]) == sorted((first, second))
    assert order[7:] == [first] * 3


async def test_of_one_tenant_the_oldest_assessment_comes_first(assessing: Assessing):
    (tenant,) = await tenants_with(assessing, 3)
    found = await assessing.world.superuser.fetch(
        "SELECT id FROM assessments WHERE organization_id = $1 ORDER BY created_at", tenant
    )
    order = [await queue.claim(assessing.world.database, "worker") for _ in found]
    assert [held.id for held in order if held] == [row["id"] for row in found]


async def test_more_tenants_than_are_looked_at_lose_nothing(assessing: Assessing):
    tenants = await tenants_with(assessing, *[2] * 40)
    order = await claimed(assessing)
    assert set(order[:40]) == set(tenants)
    assert sorted(order) == sorted(tenants * 2)


async def test_what_cannot_be_run_delays_nobody(assessing: Assessing):
    gone, other = await tenants_with(assessing, 3, 2)
    await assessing.world.superuser.execute(
        "UPDATE compliance_documents SET deleted_at = now() WHERE organization_id = $1", gone
    )
    assert await claimed(assessing) == [other, other]


@pytest.mark.parametrize("most", [1, 5])
async def test_a_worker_of_one_tenant_is_given_its_assessments_alone(
    assessing: Assessing, most: int
):
    await tenants_with(assessing, 3)
    framework, document = await assessing.framework(), await assessing.document()
    made: list[Mapping[str, Any]] = [
        await assessing.create(document, [framework]) for _ in range(2)
    ]
    await make_key(assessing.world, "compliance:work", role="ADMIN")
    found = await assessing.claim("robot", first=most)
    found += await assessing.claim("robot", first=most)
    assert [each["id"] for each in found] == [each["id"] for each in made]
