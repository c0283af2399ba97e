"""The usage of an organization's limits, for those who can read its billing."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import strawberry

from auth.policy import allows
from auth.session import Row
from auth.session.write.plan_limits import most_members, most_requests
from db.core.billing import BillingCache
from db.core.organizations import BillingPlan
from db.core.plans import PLANS
from graph.core.organizations import Organization
from graph.kit.context import Info
from graph.kit.fields import computed, extend_type
from graph.kit.scalars import BigInt


@strawberry.type(description="The use of one limit.")
class UsageLimit:
    current: BigInt = strawberry.field(description="The current value.")
    maximum: BigInt | None = strawberry.field(
        description="The maximum value; null if there is no limit. A request that would exceed it"
        " fails with `LIMIT_REACHED`."
    )


@strawberry.type(description="The use of the limits of an organization.")
class OrganizationUsage:
    members: UsageLimit = strawberry.field(description="The number of active members.")
    projects: UsageLimit = strawberry.field(
        description="The number of projects that are not deleted."
    )
    monthly_requests: UsageLimit = strawberry.field(
        description="The number of requests that wrote something in this calendar month (UTC)."
    )
    storage: UsageLimit = strawberry.field(
        description="The storage that baselines and files use, in bytes."
    )
    credits: UsageLimit | None = strawberry.field(
        description="The credits that were used or are reserved for the language model in this"
        " calendar month (UTC); null if the gateway has none."
    )


async def _usage(root: strawberry.Parent[Any], info: Info) -> OrganizationUsage | None:
    place = SimpleNamespace(organization_id=root.id)
    if not allows(info.context.viewer, "read", BillingCache, place):
        return None

    async def batch(ids: list[UUID]) -> list[Row | None]:
        found = await info.context.session.usage(ids)
        return [found.get(id) for id in ids]

    row = await info.context.loader("usage", batch).load(root.id)
    if row is None:
        return None
    plan, terms = BillingPlan(row.billing_plan), info.context.model_terms
    return OrganizationUsage(
        members=_used(row.member_count, most_members(plan, row.max_members)),
        projects=_used(row.project_count, PLANS[plan].projects),
        monthly_requests=_used(row.request_count, most_requests(plan, row.max_monthly_requests)),
        storage=_used(row.storage_used, PLANS[plan].storage),
        credits=_used(row.used_credits, terms.monthly_credits) if terms else None,
    )


def _used(current: int, maximum: int | None) -> UsageLimit:
    return UsageLimit(
        current=BigInt(current), maximum=BigInt(maximum) if maximum is not None else None
    )


extend_type(
    Organization,
    usage=computed(
        "id",
        text="The use of the limits of the organization; null if the viewer has no access to"
        " billing.",
    )(_usage),
)
