"""The billing of an organization in the API, for owners, administrators and the role BILLING."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.policy import allows
from auth.session.usage import UsageGrouping
from auth.viewer import Role, Viewer
from db.base import Entity
from db.core.billing import BillingCache, StripeCustomer, SubscriptionStatus
from db.core.organizations import BillingPlan
from db.core.organizations import PricingPlanInterval as BillingCycle
from db.core.people import Profile as ProfileRow
from db.core.plans import CURRENCY, PLANS, PRICES
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Profile
from graph.core.usage import OrganizationUsage, usage_of
from graph.kit.context import Context, Info
from graph.kit.enums import describe_enum
from graph.kit.fields import computed, described, extend_type
from graph.kit.scalars import BigInt

MAX_DAYS = 366
"""Days of one question for usage, at most."""
DEFAULT_DAYS = 30

describe_enum(
    SubscriptionStatus,
    "The status of a subscription in Stripe.",
    {
        "INCOMPLETE": "The first payment has not been made yet. The former plan applies.",
        "INCOMPLETE_EXPIRED": "The first payment was not made in time. The former plan applies.",
        "TRIALING": "The trial runs. The plan applies.",
        "ACTIVE": "The subscription is paid. The plan applies.",
        "PAST_DUE": "The last payment failed. The plan applies, and after some days the"
        " organization can no longer write.",
        "UNPAID": "All attempts to charge the card failed. The organization can read, export and"
        " delete, but not write.",
        "PAUSED": "The trial ended without a card. The organization can read, export and delete,"
        " but not write.",
        "CANCELLED": "The subscription has ended. The free plan applies, and nothing is deleted.",
    },
)
describe_enum(
    UsageGrouping,
    "What usage is summed by.",
    {
        "FEATURE": "The feature that was used, such as `query` or `mutation`.",
        "DAY": "The day in UTC.",
        "PERSON": "The user or service account.",
    },
)


@strawberry.type(description="An amount of money.")
class Money:
    amount: BigInt = described(
        "The amount as a whole number of the smallest unit of the currency, such as cents."
    )
    currency: str = described("The currency by ISO 4217, in lower case, such as `usd`.")


@strawberry.type(description="The card that a subscription is charged to.")
class PaymentCard:
    brand: str = described("The brand of the card, such as `visa`.")
    last4: str = described("The last four digits of the number of the card.")


@strawberry.type(description="An invoice of an organization.")
class Invoice:
    id: str = described("The ID of the invoice in Stripe.")
    number: str | None = described("The number of the invoice; null for a draft.")
    status: str = described("The status in Stripe: `draft`, `open`, `paid`, `void` or others.")
    total: Money = described("The total of the invoice. It is negative for a credit.")
    amount_due: Money = described("The amount that is due.")
    amount_paid: Money = described("The amount that was paid.")
    created_at: datetime = described("The date and time when the invoice was created.")
    url: str | None = described("The page of the invoice in Stripe, on which it can be paid.")
    pdf_url: str | None = described("The address of the invoice as a PDF.")


@strawberry.type(description="The price of a plan.")
class PlanPrice:
    billing_cycle: BillingCycle = described("How often the price is charged.")
    price: Money = described("The price.")


@strawberry.type(description="A plan, with its limits and prices. A limit that is null is none.")
class PlanOffer:
    plan: BillingPlan = described("The plan.")
    members: int | None = described("The maximum number of active members.")
    projects: int | None = described("The maximum number of projects.")
    monthly_requests: BigInt | None = described("The maximum number of writing requests a month.")
    storage: BigInt | None = described("The maximum storage, in bytes.")
    credits: BigInt | None = described(
        "The maximum number of credits of the language model a month; null if the operator of the"
        " gateway sets it."
    )
    prices: list[PlanPrice] = described("The prices; empty for a plan that is not sold online.")


@strawberry.type(description="The usage of one feature, day or person, in one unit.")
class UsageGroup:
    key: str = described("The feature, the day as `YYYY-MM-DD`, or the ID of the person.")
    unit: str = described("The unit of the quantity, such as `cost` or `credit`.")
    quantity: BigInt = described("The quantity that was used.")
    count: BigInt = described("The number of uses.")
    user_id: strawberry.Private[UUID | None] = None

    @strawberry.field(
        description="The person, if the usage is by person and the viewer can see them."
    )
    async def person(self, info: Info) -> Profile | None:
        if self.user_id is None:
            return None
        return await info.context.one(ProfileRow, self.user_id)  # type: ignore[return-value]


Since = Annotated[
    date | None,
    strawberry.argument(description="The first day in UTC. The default is 29 days before `until`."),
]
Until = Annotated[
    date | None, strawberry.argument(description="The last day in UTC. The default is today.")
]
By = Annotated[UsageGrouping, strawberry.argument(description="What the usage is summed by.")]


@strawberry.type(description="The billing of an organization.")
class OrganizationBilling:
    organization_id: strawberry.Private[UUID]
    enabled: bool = described(
        "Whether plans are sold through Stripe. If not, the operator changes plans."
    )
    plan: BillingPlan = described("The plan of the organization.")
    billing_cycle: BillingCycle = described("How often the organization is billed.")
    status: SubscriptionStatus | None = described(
        "The status of the subscription; null without one."
    )
    current_period_start: datetime | None = described("The beginning of the period that is paid.")
    current_period_end: datetime | None = described("The end of the period that is paid.")
    cancel_at_period_end: bool = described("Whether the subscription ends with the current period.")
    trial_ends_at: datetime | None = described(
        "The end of the trial, also of a past one; null if the organization has had none."
    )
    payment_required_at: datetime | None = described(
        "The time from which the organization can read, export and delete, but not write, unless a"
        " payment is made before; null if no payment is late."
    )
    card: PaymentCard | None = described("The card that is charged; null without one.")
    invoices: list[Invoice] = described("The newest invoices, at most 24, the newest first.")
    synced_at: datetime | None = described(
        "The time when the invoices and the usage were stored last; null if they never were."
    )
    viewer_can_change: bool = described(
        "Whether the viewer can subscribe, change and cancel: owners and the role BILLING can."
    )

    @strawberry.field(
        description="The use of the limits of the organization, as `Organization.usage`."
    )
    async def limits(self, info: Info) -> OrganizationUsage:
        found = await usage_of(info.context, SimpleNamespace(id=self.organization_id))
        assert found is not None  # noqa: S101 (whoever reads the billing reads the usage)
        return found

    @strawberry.field(description="The plans, with their limits and prices.")
    def plans(self) -> list[PlanOffer]:
        return OFFERS

    @strawberry.field(
        description="The usage between two days, at most 366, summed by feature, day or person:"
        " days in order, all else with the largest quantity first, at most 1,000 sums. Usage is"
        " written within seconds."
    )
    async def usage(
        self, info: Info, by: By = UsageGrouping.FEATURE, since: Since = None, until: Until = None
    ) -> list[UsageGroup]:
        last = until or datetime.now(UTC).date()
        first = since or _days_before(last, DEFAULT_DAYS - 1)
        if not 0 <= (last - first).days < MAX_DAYS:
            message = f"From `since` to `until` are 1 to {MAX_DAYS} days."
            raise Problem("INVALID", message, field=["since"])
        loader = info.context.loader(
            ("usage by", by, first, last), partial(_usage_by, info, by, first, last)
        )
        found: list[UsageGroup] = await loader.load(self.organization_id)
        return found


def _days_before(day: date, number: int) -> date:
    return date.min if day.toordinal() <= number else day - timedelta(days=number)


async def _usage_by(
    info: Info, by: UsageGrouping, first: date, last: date, ids: list[UUID]
) -> list[list[UsageGroup]]:
    found: dict[UUID, list[UsageGroup]] = {id: [] for id in ids}
    for row in await info.context.session.usage_by(ids, by, first, last):
        person = row.key if by is UsageGrouping.PERSON else None
        group = UsageGroup(
            key=str(row.key),
            unit=row.unit,
            quantity=BigInt(row.quantity),
            count=BigInt(row.count),
            user_id=person,
        )
        found[row.organization_id].append(group)
    return [found[id] for id in ids]


def offer(plan: BillingPlan) -> PlanOffer:
    """Return a plan with its prices."""
    limits = PLANS[plan]
    return PlanOffer(
        plan=plan,
        members=limits.members,
        projects=limits.projects,
        monthly_requests=_big(limits.monthly_requests),
        storage=_big(limits.storage),
        credits=_big(limits.credits),
        prices=[
            PlanPrice(billing_cycle=cycle, price=Money(amount=BigInt(price), currency=CURRENCY))
            for cycle, price in PRICES.get(plan, {}).items()
        ],
    )


def _big(number: int | None) -> BigInt | None:
    return None if number is None else BigInt(number)


OFFERS = [offer(plan) for plan in PLANS]


def may_pay(viewer: Viewer, organization_id: UUID) -> bool:
    """Return whether the viewer can change the subscription of an organization."""
    return viewer.grants.get(organization_id) in (Role.OWNER, Role.BILLING)


def sees_billing(viewer: Viewer, organization_id: UUID) -> bool:
    """Return whether the viewer can read the billing of an organization."""
    place = SimpleNamespace(organization_id=organization_id)
    return allows(viewer, "read", BillingCache, place)


async def _of(context: Context, model: type[Entity], ids: list[UUID]) -> list[Any]:
    """Return the row of each organization, or None."""
    pages = await context.session.pages(model, "organization_id", ids)
    return [next(iter(pages.get(id, ())), None) for id in ids]


async def _billing(root: strawberry.Parent[Any], info: Info) -> OrganizationBilling | None:
    return await billing_of(info.context, root)


async def billing_of(context: Context, root: Any) -> OrganizationBilling | None:
    """Return the billing of the row of an organization; None if the viewer does not see it."""
    if not sees_billing(context.viewer, root.id):
        return None
    customer = await context.loader("customer", partial(_of, context, StripeCustomer)).load(root.id)
    cache = await context.loader("billing", partial(_of, context, BillingCache)).load(root.id)
    has = customer is not None and customer.stripe_subscription_id is not None
    return OrganizationBilling(
        organization_id=root.id,
        enabled=context.takes_payments,
        plan=BillingPlan(root.billing_plan),
        billing_cycle=BillingCycle(root.billing_cycle),
        status=SubscriptionStatus(customer.subscription_status) if has else None,
        current_period_start=customer.current_period_start if has else None,
        current_period_end=customer.current_period_end if has else None,
        cancel_at_period_end=bool(has and customer.cancel_at_period_end),
        trial_ends_at=root.trial_ends_at,
        payment_required_at=root.payment_required_at,
        card=_card(customer),
        invoices=invoices_of(cache),
        synced_at=cache.synced_at if cache is not None else None,
        viewer_can_change=may_pay(context.viewer, root.id),
    )


def _card(customer: Any) -> PaymentCard | None:
    if customer is None or not customer.payment_method_last4:
        return None
    brand = customer.payment_method_brand or "card"
    return PaymentCard(brand=brand, last4=customer.payment_method_last4)


def invoices_of(cache: Any) -> list[Invoice]:
    """Return the stored invoices, the newest first."""
    stored = (cache.billing_status.get("invoices") or {}).values() if cache is not None else ()
    newest = sorted(stored, key=lambda one: (one["created"], one["id"]), reverse=True)
    return [_invoice(one) for one in newest]


def _invoice(one: dict[str, Any]) -> Invoice:
    def money(name: str) -> Money:
        return Money(amount=BigInt(int(one[name])), currency=one["currency"])

    return Invoice(
        id=one["id"],
        number=one["number"],
        status=one["status"],
        total=money("total"),
        amount_due=money("amount_due"),
        amount_paid=money("amount_paid"),
        created_at=datetime.fromtimestamp(one["created"], UTC),
        url=one["url"],
        pdf_url=one["pdf_url"],
    )


extend_type(
    Organization,
    billing=computed(
        "id",
        "billing_plan",
        "billing_cycle",
        "trial_ends_at",
        "payment_required_at",
        text="The billing of the organization; null if the viewer has no access to billing.",
    )(_billing),
)
