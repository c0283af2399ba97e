"""Change the plan of an organization, for the operator."""

import json
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from db.core.organizations import BillingPlan
from db.core.plans import PLANS
from db.problem import Problem

UNLIMITED = 1_000_000_000
"""The value of an organization's own limits where its plan has none."""

# By id before slug: an organization chooses its slug, which may look like another's id.
FIND = """
SELECT id, billing_plan::text AS billing_plan, max_members, max_monthly_requests FROM organizations
WHERE deleted_at IS NULL AND (id::text = $1 OR slug = $1)
ORDER BY id::text = $1 DESC LIMIT 1 FOR UPDATE
"""
CHANGE = """
UPDATE organizations SET billing_plan = $2::billing_plan, max_members = $3,
    max_monthly_requests = $4, version = version + 1, updated_at = now()
WHERE id = $1 RETURNING version
"""
# The same as of a change by somebody, so that versions and history are complete.
RECORD = """
INSERT INTO audit_logs (id, organization_id, entity_id, entity_type, resource_type, resource_id,
    action, version, changed_fields, old_data, new_data, event_type, severity, soc2_control,
    description, source_system)
VALUES ($1, $2, $2, 'Organization', 'organization', $2, 'update', $3, $4, $5, $6, 'update',
    'medium', 'CC8.1', 'An operator has changed the plan.', 'cli')
"""


async def set_plan(
    connection: asyncpg.Connection, organization: str, plan: BillingPlan
) -> BillingPlan:
    """Set the plan of the organization with this id or slug, and return the former plan.

    The connection belongs to the owner of the tables. The limits hold from the next request on;
    rows that exceed them stay. Raises NOT_FOUND.
    """
    limits = PLANS[plan]
    new = {
        "billing_plan": plan.value,
        "max_members": limits.members or UNLIMITED,
        "max_monthly_requests": limits.monthly_requests or UNLIMITED,
    }
    async with connection.transaction():
        row = await connection.fetchrow(FIND, organization)
        if row is None:
            raise Problem("NOT_FOUND", f"There is no organization {organization}.")
        id: UUID = row["id"]
        if changed := sorted(name for name in new if row[name] != new[name]):
            version = await connection.fetchval(CHANGE, id, *new.values())
            old, now = (
                json.dumps({name: values[name] for name in changed}) for values in (row, new)
            )
            await connection.execute(RECORD, uuid7(), id, version, changed, old, now)
    return BillingPlan(row["billing_plan"])
