"""Change the plan of an organization, or agree on a limit with it, for the operator."""

import json
from collections.abc import Mapping
from typing import Any

import asyncpg
from uuid_utils.compat import uuid7

from db.core.organizations import BillingPlan
from db.core.plans import PLANS, UNLIMITED, Plan
from db.problem import Problem

# By id before slug: an organization chooses its slug, which may look like another's id.
FIND = """
SELECT o.id, o.billing_plan::text AS billing_plan, o.max_members, o.max_monthly_requests,
    o.usage_limits::text AS usage_limits, o.payment_required_at
FROM organizations AS o
WHERE o.deleted_at IS NULL AND (o.id::text = $1 OR o.slug = $1)
ORDER BY o.id::text = $1 DESC LIMIT 1 FOR UPDATE
"""
SUBSCRIBED = """
SELECT EXISTS (SELECT FROM stripe_customers WHERE organization_id = $1 AND deleted_at IS NULL
    AND stripe_subscription_id IS NOT NULL
    AND subscription_status IN ('trialing', 'active', 'past_due', 'unpaid', 'paused'))
"""
CHANGE = """
UPDATE organizations SET billing_plan = $2::billing_plan, max_members = $3,
    max_monthly_requests = $4, usage_limits = $5::jsonb, payment_required_at = $6,
    version = version + 1, updated_at = now()
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
    connection: asyncpg.Connection, organization: str, plan: BillingPlan, *, force: bool = False
) -> BillingPlan:
    """Set the plan of the organization with this id or slug, and return the former plan.

    The connection belongs to the owner of the tables. The limits hold from the next request on;
    rows that exceed them stay, and so do limits that were agreed on. A payment that was required is
    not any more. Raises NOT_FOUND, and CONFLICT unless `force` where a subscription decides.
    """
    async with connection.transaction():
        row = await _find(connection, organization)
        if not force and await connection.fetchval(SUBSCRIBED, row["id"]):
            message = "A subscription in Stripe decides the plan of this organization."
            raise Problem("CONFLICT", message)
        await _write(connection, row, plan, json.loads(row["usage_limits"]))
    return BillingPlan(row["billing_plan"])


async def set_limit(
    connection: asyncpg.Connection, organization: str, name: str, value: int | None
) -> None:
    """Agree on a limit with an organization; None is that of its plan. Raises NOT_FOUND, INVALID.

    Limits are at least 1 where an organization has one of its own.
    """
    if name not in Plan._fields:
        known = ", ".join(Plan._fields)
        raise Problem("INVALID", f"There is no limit {name}, only {known}.")
    if value is not None and not 0 < value <= UNLIMITED * 1_000_000:
        raise Problem("INVALID", "A limit is at least 1.")
    if value is not None and name != "storage" and value > UNLIMITED:
        raise Problem("INVALID", f"A limit is at most {UNLIMITED:,}.")
    async with connection.transaction():
        row = await _find(connection, organization)
        agreed = json.loads(row["usage_limits"])
        agreed.pop(name, None)
        if value is not None:
            agreed[name] = value
        await _write(connection, row, BillingPlan(row["billing_plan"]), agreed, pays=True)


async def _find(connection: asyncpg.Connection, organization: str) -> asyncpg.Record:
    row = await connection.fetchrow(FIND, organization)
    if row is None:
        raise Problem("NOT_FOUND", f"There is no organization {organization}.")
    return row


async def _write(
    connection: asyncpg.Connection,
    row: asyncpg.Record,
    plan: BillingPlan,
    agreed: Mapping[str, Any],
    *,
    pays: bool = False,
) -> None:
    limits, id = PLANS[plan]._replace(**agreed), row["id"]
    new: dict[str, Any] = {
        "billing_plan": plan.value,
        "max_members": limits.members or UNLIMITED,
        "max_monthly_requests": limits.monthly_requests or UNLIMITED,
        "usage_limits": agreed,
        "payment_required_at": row["payment_required_at"] if pays else None,
    }
    old = {**row, "usage_limits": json.loads(row["usage_limits"])}
    changed = sorted(name for name in new if old[name] != new[name])
    if not changed:
        return
    sent = {**new, "usage_limits": json.dumps(agreed)}
    version = await connection.fetchval(CHANGE, id, *sent.values())
    before, now = (
        json.dumps({name: given[name] for name in changed}, default=str) for given in (old, new)
    )
    await connection.execute(RECORD, uuid7(), id, version, changed, before, now)
