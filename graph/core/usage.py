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
from db.core.plans import limits_of
from graph.core.organizations import Organization
from graph.kit.context import Context, Info
from graph.kit.fields import computed, extend_type
from graph.kit.scalars import BigInt


@strawberry.type(description="The use of one limit.")
class UsageLimit:
    current: BigInt = strawberry.field(description="The current value.")
    maximum: BigInt | None = strawberry.field(
        description="The maximum value; null if there is no limit. A request that would exceed it"
        " fails with `LIMIT_REACHED`, or with `PAYMENT_REQUIRED` if it is one of too many writing"
        " requests."
    )


@strawberry.type(description="The use of the limits of an organization.")
class OrganizationUsage:
    members: UsageLimit = strawberry.field(description="The number of active members.")
    projects: UsageLimit = strawberry.field(
        description="The number of projects that are not deleted."
    )
    monthly_requests: UsageLimit = strawberry.field(
        description="The number of writing requests in this calendar month (UTC). A tenth more than"
        " the maximum is allowed."
    )
    storage: UsageLimit = strawberry.field(
        description="The storage that baselines and files use, in bytes."
    )
    credits: UsageLimit | None = strawberry.field(
        description="The credits that were used or are reserved for the language model in this"
        " calendar month (UTC); null if the gateway has none."
    )


async def _usage(root: strawberry.Parent[Any], info: Info) -> OrganizationUsage | None:
    return await usage_of(info.context, root)


async def usage_of(context: Context, root: Any) -> OrganizationUsage | None:
    """Return the usage of the row of an organization; None if the viewer does not see it."""
    place = SimpleNamespace(organization_id=root.id)
    if not allows(context.viewer, "read", BillingCache, place):
        return None

    async def batch(ids: list[UUID]) -> list[Row | None]:
        found = await context.session.usage(ids)
        return [found.get(id) for id in ids]

    row = await context.loader("usage", batch).load(root.id)
    if row is None:
        return None
    plan, terms = BillingPlan(row.billing_plan), context.model_terms
    agreed = row.usage_limits
    limits = limits_of(plan, agreed)
    return OrganizationUsage(
        members=_used(row.member_count, most_members(plan, row.max_members, agreed)),
        projects=_used(row.project_count, limits.projects),
        monthly_requests=_used(
            row.request_count, most_requests(plan, row.max_monthly_requests, agreed)
        ),
        storage=_used(row.storage_used, limits.storage),
        credits=_used(row.used_credits, terms.credits_of(limits.credits)) if terms else None,
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
