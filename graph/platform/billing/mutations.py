"""Mutations of billing: subscribe, change, cancel and resume, for owners and the role BILLING."""

from datetime import UTC, datetime
from uuid import UUID

import strawberry

from db.core.organizations import BillingPlan
from db.core.organizations import Organization as OrganizationRow
from db.core.organizations import PricingPlanInterval as BillingCycle
from db.problem import Problem
from graph.core.organizations import Organization
from graph.kit.billing import Payments
from graph.kit.context import Info
from graph.kit.fields import described
from graph.kit.mutations import Input, mutation
from graph.kit.scalars import BigInt
from graph.platform.billing.types import Money, may_pay, sees_billing

SCOPE = "organizations:write"
ORGANIZATION = "The ID of the organization."
PLAN = "The plan. FREE and ENTERPRISE are not sold online."
CYCLE = "How often the plan is billed."


@strawberry.input(description="A page of Stripe on which an organization subscribes.")
class CheckoutSessionCreateInput:
    organization_id: UUID = described(ORGANIZATION)
    plan: BillingPlan = described(PLAN)
    billing_cycle: BillingCycle = described(CYCLE)
    success_url: str | None = strawberry.field(
        default=None,
        description="The address to which the browser returns after the payment: of this site, or"
        " of an origin that may call the API (`CORS_ORIGINS`). The default is the billing page.",
    )
    cancel_url: str | None = strawberry.field(
        default=None,
        description="The address to which the browser returns without a payment, likewise.",
    )


@strawberry.input(description="A page of Stripe on which an organization manages its cards.")
class BillingPortalCreateInput:
    organization_id: UUID = described(ORGANIZATION)
    return_url: str | None = strawberry.field(
        default=None,
        description="The address to which the browser returns: of this site, or of an origin that"
        " may call the API (`CORS_ORIGINS`). The default is the billing page.",
    )


@strawberry.input(description="A change of the plan of a subscription.")
class SubscriptionChangeInput:
    organization_id: UUID = described(ORGANIZATION)
    plan: BillingPlan = described(PLAN)
    billing_cycle: BillingCycle = described(CYCLE)
    preview: bool = strawberry.field(
        default=False,
        description="Whether nothing is changed, and the result only tells what it would cost.",
    )
    proration_date: datetime | None = strawberry.field(
        default=None,
        description="The time at which the change is reckoned. Give that of the preview to be"
        " charged what it told. The default is now.",
    )


@strawberry.input(description="The end of a subscription.")
class SubscriptionCancelInput:
    organization_id: UUID = described(ORGANIZATION)
    at_once: bool = strawberry.field(
        default=False,
        description="Whether the subscription ends at once, and what is paid for the rest of the"
        " period is credited. By default it ends with the period.",
    )


@strawberry.input(description="The continuation of a subscription that would end, or is paused.")
class SubscriptionResumeInput:
    organization_id: UUID = described(ORGANIZATION)


@strawberry.input(description="The one trial of an organization, for 14 days and without a card.")
class TrialStartInput:
    organization_id: UUID = described(ORGANIZATION)
    plan: BillingPlan = described(PLAN)


@strawberry.type(description="A page of Stripe.")
class BillingAddressPayload:
    url: str = described("The address of the page, to which the browser goes. It expires.")


@strawberry.type(description="An organization after a change of its subscription.")
class SubscriptionPayload:
    organization: Organization = described("The organization after the mutation.")


@strawberry.type(description="A line of a preview.")
class SubscriptionPreviewLine:
    description: str = described("What is charged or credited, in the words of Stripe.")
    amount: Money = described("The amount; negative for a credit.")


@strawberry.type(description="What a change of plan costs.")
class SubscriptionPreview:
    amount_due: Money = described("The amount that is charged with the change.")
    lines: list[SubscriptionPreviewLine] = described("The parts of the amount.")
    proration_date: datetime = described(
        "The time at which the change is reckoned. The same time in the mutation gives this amount."
    )
    exceeded_limits: list[str] = described(
        "The limits of the new plan that are exceeded by what is used now, such as `members`. What"
        " exceeds them is kept; more is refused."
    )


@strawberry.type(description="The result of a change of plan, or of its preview.")
class SubscriptionChangePayload:
    organization: Organization = described("The organization after the mutation.")
    preview: SubscriptionPreview | None = described(
        "What the change would cost, if `preview` is true."
    )


CheckoutInput = Input[CheckoutSessionCreateInput]
PortalInput = Input[BillingPortalCreateInput]
ChangeInput = Input[SubscriptionChangeInput]
CancelInput = Input[SubscriptionCancelInput]
ResumeInput = Input[SubscriptionResumeInput]
TrialInput = Input[TrialStartInput]


async def _paying(info: Info, organization_id: UUID) -> Payments:
    """Return the payments for somebody who can change them. Raises NOT_FOUND and FORBIDDEN."""
    await info.context.get(OrganizationRow, organization_id)
    viewer = info.context.viewer
    if not may_pay(viewer, organization_id) or not sees_billing(viewer, organization_id):
        message = "Only owners and members with the role BILLING change the subscription."
        raise Problem("FORBIDDEN", message)
    return info.context.payments


async def _organization(info: Info, organization_id: UUID) -> Organization:
    info.context.forget()
    return await info.context.get(OrganizationRow, organization_id)  # type: ignore[return-value]


async def checkout_session_create(info: Info, input: CheckoutInput) -> BillingAddressPayload | None:
    payments = await _paying(info, input.organization_id)
    session = await payments.checkout(
        input.organization_id,
        input.plan,
        input.billing_cycle,
        input.success_url,
        input.cancel_url,
    )
    return BillingAddressPayload(url=str(session["url"]))


async def billing_portal_create(info: Info, input: PortalInput) -> BillingAddressPayload | None:
    payments = await _paying(info, input.organization_id)
    return BillingAddressPayload(url=await payments.portal(input.organization_id, input.return_url))


async def subscription_change(info: Info, input: ChangeInput) -> SubscriptionChangePayload | None:
    id, at = input.organization_id, input.proration_date
    payments = await _paying(info, id)
    preview = None
    if input.preview:
        told = await payments.preview(id, input.plan, input.billing_cycle, at)
        exceeded = (await payments.find(id)).exceeded(input.plan)
        preview = SubscriptionPreview(
            amount_due=Money(amount=BigInt(told.amount_due), currency=told.currency),
            lines=[
                SubscriptionPreviewLine(
                    description=text, amount=Money(amount=BigInt(amount), currency=told.currency)
                )
                for text, amount in told.lines
            ],
            proration_date=told.proration_date.astimezone(UTC),
            exceeded_limits=exceeded,
        )
    else:
        await payments.change(id, input.plan, input.billing_cycle, at)
    return SubscriptionChangePayload(organization=await _organization(info, id), preview=preview)


async def subscription_cancel(info: Info, input: CancelInput) -> SubscriptionPayload | None:
    payments = await _paying(info, input.organization_id)
    await payments.cancel(input.organization_id, at_once=input.at_once)
    return SubscriptionPayload(organization=await _organization(info, input.organization_id))


async def subscription_resume(info: Info, input: ResumeInput) -> SubscriptionPayload | None:
    payments = await _paying(info, input.organization_id)
    await payments.resume(input.organization_id)
    return SubscriptionPayload(organization=await _organization(info, input.organization_id))


async def trial_start(info: Info, input: TrialInput) -> SubscriptionPayload | None:
    payments = await _paying(info, input.organization_id)
    await payments.start_trial(input.organization_id, input.plan)
    return SubscriptionPayload(organization=await _organization(info, input.organization_id))


WHO = (
    " For owners and members with the role BILLING. `NOT_ENABLED` if the gateway has no key of"
    " Stripe."
)


@strawberry.type
class Mutation:
    checkout_session_create = mutation(
        checkout_session_create,
        BillingAddressPayload,
        "Create a page of Stripe on which an organization without a subscription subscribes." + WHO,
        scope=SCOPE,
    )
    billing_portal_create = mutation(
        billing_portal_create,
        BillingAddressPayload,
        "Create a page of Stripe on which cards, addresses and invoices are managed." + WHO,
        scope=SCOPE,
    )
    subscription_change = mutation(
        subscription_change,
        SubscriptionChangePayload,
        "Change the plan of a subscription, or tell what that would cost. What is left of the"
        " period is reckoned up and charged at once; `PAYMENT_REQUIRED` if the card is declined,"
        " and then nothing has changed." + WHO,
    )
    subscription_cancel = mutation(
        subscription_cancel,
        SubscriptionPayload,
        "End the subscription, by default with its period. Nothing is deleted." + WHO,
    )
    subscription_resume = mutation(
        subscription_resume,
        SubscriptionPayload,
        "Continue a subscription that would end with its period, or that is paused." + WHO,
    )
    trial_start = mutation(
        trial_start,
        SubscriptionPayload,
        "Start the one trial of an organization. It lasts 14 days and needs no card; without one"
        " the subscription is paused at its end." + WHO,
    )
