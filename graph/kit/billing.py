"""The port by which mutations and pages reach the payment provider."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from db.billing import Billing
from db.core.organizations import BillingPlan, PricingPlanInterval


@dataclass(frozen=True)
class Preview:
    """The cost of a change of plan now, in the smallest unit of the currency."""

    currency: str
    amount_due: int
    lines: tuple[tuple[str, int], ...]
    proration_date: datetime


class Payments(Protocol):
    """Subscriptions of organizations. All raise NOT_ENABLED if billing is off, BUSY, or INVALID."""

    @property
    def enabled(self) -> bool:
        """Return whether the gateway has a key of Stripe."""

    async def find(self, organization_id: UUID) -> Billing:
        """Return the billing of an organization. Raises NOT_FOUND."""

    async def checkout(
        self,
        organization_id: UUID,
        plan: BillingPlan,
        interval: PricingPlanInterval,
        success_url: str | None,
        cancel_url: str | None,
    ) -> Mapping[str, Any]:
        """Return the page of Stripe on which an organization subscribes."""

    async def portal(self, organization_id: UUID, return_url: str | None) -> str:
        """Return the address of the page on which cards are changed."""

    async def preview(
        self,
        organization_id: UUID,
        plan: BillingPlan,
        interval: PricingPlanInterval,
        at: datetime | None,
    ) -> Preview:
        """Return what a change of plan costs."""

    async def change(
        self,
        organization_id: UUID,
        plan: BillingPlan,
        interval: PricingPlanInterval,
        at: datetime | None,
    ) -> None:
        """Change the plan of a subscription."""

    async def cancel(self, organization_id: UUID, *, at_once: bool) -> None:
        """End a subscription at the end of its period, or at once."""

    async def resume(self, organization_id: UUID) -> None:
        """Continue a subscription that would end, or that is paused."""

    async def start_trial(self, organization_id: UUID, plan: BillingPlan) -> None:
        """Start the one trial of an organization."""
