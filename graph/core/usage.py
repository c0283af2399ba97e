"""What an organization has used of its limits, for those who see its billing."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import strawberry

from auth.policy import allows
from auth.session import Row
from auth.session.limits import most_members, most_requests
from db.core.billing import BillingCache
from db.core.organizations import BillingPlan
from db.core.plans import PLANS
from graph.core.organizations import Organization
from graph.kit.context import Info
from graph.kit.fields import extend_type
from graph.kit.scalars import BigInt


@strawberry.type(description="How much of a limit is used.")
class Used:
    current: BigInt = strawberry.field(description="How many there are.")
    maximum: BigInt | None = strawberry.field(
        description="How many there may be; null for as many as one likes. What would exceed it is"
        " LIMIT_REACHED."
    )


@strawberry.type(description="What an organization has used of its limits.")
class Usage:
    members: Used = strawberry.field(description="Active members.")
    projects: Used = strawberry.field(description="Projects that are not deleted.")
    monthly_requests: Used = strawberry.field(
        description="Requests that have written something since the first of this month (UTC)."
    )


async def _usage(root: strawberry.Parent[Any], info: Info) -> Usage | None:
    place = SimpleNamespace(organization_id=root.id)
    if not allows(info.context.viewer, "read", BillingCache, place):
        return None

    async def batch(ids: list[UUID]) -> list[Row | None]:
        found = await info.context.session.usage(ids)
        return [found.get(id) for id in ids]

    row = await info.context.loader("usage", batch).load(root.id)
    if row is None:
        return None
    plan = BillingPlan(row.billing_plan)
    return Usage(
        members=_used(row.member_count, most_members(plan, row.max_members)),
        projects=_used(row.project_count, PLANS[plan].projects),
        monthly_requests=_used(row.request_count, most_requests(plan, row.max_monthly_requests)),
    )


def _used(current: int, maximum: int | None) -> Used:
    return Used(current=BigInt(current), maximum=BigInt(maximum) if maximum is not None else None)


extend_type(
    Organization,
    usage=strawberry.field(
        _usage,
        description="What it has used of its limits; null for those who see neither its billing nor"
        " its administration.",
    ),
)
