"""The billing plans: the limits and prices of each, in one table.

Amounts of money are whole numbers of the smallest unit of the currency, such as cents.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from db.core.organizations import BillingPlan, PricingPlanInterval


class Plan(NamedTuple):
    """The most that an organization may have or do; None is without a limit."""

    members: int | None
    projects: int | None
    monthly_requests: int | None
    storage: int | None = None
    """Bytes."""
    credits: int | None = None
    """Credits of the language model in a calendar month; None is the limit of the gateway."""
    assessments: int | None = None
    """Assessments of compliance in a calendar month."""
    result_days: int | None = None
    """Days for which results of assessments are kept."""
    forms: int | None = None
    submissions: int | None = None
    """Submissions of forms in a calendar month."""


GB = 1_000_000_000

PLANS = {
    BillingPlan.FREE: Plan(
        members=25,
        projects=20,
        monthly_requests=100_000,
        storage=GB,
        assessments=3,
        result_days=90,
        forms=3,
        submissions=100,
    ),
    BillingPlan.STARTER: Plan(
        members=50,
        projects=50,
        monthly_requests=500_000,
        storage=5 * GB,
        credits=20_000,
        assessments=20,
        result_days=180,
        forms=10,
        submissions=1_000,
    ),
    BillingPlan.PRO: Plan(
        members=100,
        projects=200,
        monthly_requests=2_000_000,
        storage=20 * GB,
        credits=100_000,
        assessments=100,
        result_days=365,
        forms=50,
        submissions=10_000,
    ),
    BillingPlan.BUSINESS: Plan(
        members=1_000,
        projects=2_000,
        monthly_requests=20_000_000,
        storage=200 * GB,
        credits=500_000,
        assessments=1_000,
        result_days=1_095,
        forms=500,
        submissions=100_000,
    ),
    BillingPlan.SCALE: Plan(
        members=5_000,
        projects=10_000,
        monthly_requests=100_000_000,
        storage=1_000 * GB,
        credits=2_000_000,
        assessments=10_000,
        result_days=3_650,
        forms=5_000,
        submissions=1_000_000,
    ),
    BillingPlan.ENTERPRISE: Plan(members=None, projects=None, monthly_requests=None),
}

CURRENCY = "usd"
TRIAL_DAYS = 14
"""The days of a trial, which an organization can start once."""
PRICES: Mapping[BillingPlan, Mapping[PricingPlanInterval, int]] = {
    plan: {
        PricingPlanInterval.MONTHLY: monthly,
        PricingPlanInterval.QUARTERLY: quarterly,
        PricingPlanInterval.YEARLY: yearly,
    }
    for plan, monthly, quarterly, yearly in (
        (BillingPlan.STARTER, 2_900, 8_300, 29_000),
        (BillingPlan.PRO, 9_900, 28_200, 99_000),
        (BillingPlan.BUSINESS, 49_900, 142_200, 499_000),
        (BillingPlan.SCALE, 149_900, 427_200, 1_499_000),
    )
}
"""The price of each plan for each interval, in cents. Plans without a price are not sold online."""
METERS = {"requests": "gateway_requests", "credits": "gateway_credits"}
"""The names of the meters of Stripe, by what they measure."""
UNLIMITED = 1_000_000_000
"""The value of an organization's own limits where its plan has none."""


def smaller(one: int | None, other: int | None) -> int | None:
    """Return the smaller of two limits: an organization's own, and its plan's."""
    known = [limit for limit in (one, other) if limit is not None]
    return min(known) if known else None


def limits_of(plan: BillingPlan, agreed: Mapping[str, Any]) -> Plan:
    """Return the limits of a plan, with those that were agreed with an organization instead."""
    known = {name: int(limit) for name, limit in agreed.items() if name in Plan._fields}
    return PLANS[plan]._replace(**known)
