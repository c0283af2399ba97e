"""The page of billing at /billing: plan, usage, invoices, and what owners can change."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from auth.accounts.mail import Outbox
from auth.credentials import cookies
from auth.session import Row
from auth.session.usage import UsageGrouping
from auth.viewer import Viewer
from auth.web.page import SECURE
from auth.web.site import Site, answering, see
from db.core.organizations import BillingPlan, Organization, PricingPlanInterval
from db.core.plans import CURRENCY, PLANS, PRICES, TRIAL_DAYS
from db.pool import Database
from db.problem import Problem
from graph import schema  # noqa: F401 (types are extended in the order of its imports)
from graph.core.usage import usage_of
from graph.kit.billing import Payments
from graph.kit.context import Context
from graph.kit.plots import Plot, Series, svg, table
from graph.kit.scalars import uuid_of
from graph.platform.billing.payments import PAGE
from graph.platform.billing.types import billing_of, may_pay, sees_billing
from graph.settings import Settings

DAYS = 30
"""Days of the plot of usage."""
STRIPE_PAGES = "https://checkout.stripe.com https://billing.stripe.com"
NEWS = {
    "changed": "The plan is changed.",
    "ends": "The subscription ends with its period. You can resume it until then.",
    "resumed": "The subscription goes on.",
    "trial": f"The trial has started. It lasts {TRIAL_DAYS} days.",
}
LIMITS = (
    ("members", "Members"),
    ("projects", "Projects"),
    ("monthly_requests", "Writing requests of this month"),
    ("storage", "Storage in bytes"),
    ("credits", "Credits of this month"),
)


def money(amount: int, currency: str) -> str:
    """Return an amount of cents as text, without a fraction of binary digits."""
    sign, cents = "-" if amount < 0 else "", abs(int(amount))
    return f"{sign}{cents // 100:,}.{cents % 100:02d} {currency.upper()}"


def routes(
    database: Database, settings: Settings, outbox: Outbox, payments: Payments
) -> list[BaseRoute]:
    """Return the routes beneath /billing."""
    pages = BillingPages(Site(database, settings, outbox), payments)
    actions = {
        "checkout": pages.checkout,
        "portal": pages.portal,
        "preview": pages.preview,
        "change": pages.change,
        "cancel": pages.cancel,
        "resume": pages.resume,
        "trial": pages.trial,
    }
    return [
        Route(PAGE, answering(pages.show)),
        *(
            Route(f"{PAGE}/{name}", answering(action), methods=["POST"])
            for name, action in actions.items()
        ),
    ]


class BillingPages:
    """The page of each organization, and its forms."""

    def __init__(self, site: Site, payments: Payments) -> None:
        self._site, self._payments = site, payments

    async def show(self, request: Request) -> Response:
        """Show the billing of an organization, or a list of those whose billing is theirs."""
        viewer = await self._site.signed_in(request)
        context = self._context(request, viewer)
        seen = [id for id in viewer.organizations if sees_billing(viewer, id)]
        if "organization" not in request.query_params and len(seen) != 1:
            organizations = [await context.get(Organization, id) for id in sorted(seen)[:100]]
            listed = [(each.id, each.name) for each in organizations]
            return self._form(request, "billings.html", organizations=listed, page=PAGE)
        text = request.query_params.get("organization")
        id = uuid_of(text) if text else seen[0]
        return await self._page(request, context, id)

    async def checkout(self, request: Request) -> Response:
        """Send the browser to the page of Stripe on which it subscribes."""
        id, fields, _ = await self._asked(request)
        plan, interval = _chosen(fields)
        session = await self._payments.checkout(id, plan, interval, None, None)
        return RedirectResponse(str(session["url"]), 303, headers=SECURE)

    async def portal(self, request: Request) -> Response:
        """Send the browser to the page of Stripe for cards and invoices."""
        id, _, _ = await self._asked(request)
        return RedirectResponse(await self._payments.portal(id, None), 303, headers=SECURE)

    async def preview(self, request: Request) -> Response:
        """Show what a change costs, and ask whether it is to be made."""
        id, fields, context = await self._asked(request)
        plan, interval = _chosen(fields)
        told = await self._payments.preview(id, plan, interval, None)
        preview = SimpleNamespace(
            plan=plan,
            interval=interval,
            due=money(told.amount_due, told.currency),
            lines=[(text, money(amount, told.currency)) for text, amount in told.lines],
            exceeded=(await self._payments.find(id)).exceeded(plan),
            at=int(told.proration_date.timestamp()),
        )
        return await self._page(request, context, id, preview)

    async def change(self, request: Request) -> Response:
        """Change the plan for what was shown."""
        id, fields, _ = await self._asked(request)
        text = fields.get("at", "")
        at = datetime.fromtimestamp(int(text), UTC) if re.fullmatch("[0-9]{1,11}", text) else None
        await self._payments.change(id, *_chosen(fields), at)
        return _back(id, "changed")

    async def cancel(self, request: Request) -> Response:
        """End the subscription with its period."""
        id, _, _ = await self._asked(request)
        await self._payments.cancel(id, at_once=False)
        return _back(id, "ends")

    async def resume(self, request: Request) -> Response:
        """Continue the subscription."""
        id, _, _ = await self._asked(request)
        await self._payments.resume(id)
        return _back(id, "resumed")

    async def trial(self, request: Request) -> Response:
        """Start the trial."""
        id, fields, _ = await self._asked(request)
        await self._payments.start_trial(id, _chosen(fields)[0])
        return _back(id, "trial")

    async def _asked(self, request: Request) -> tuple[UUID, dict[str, str], Context]:
        """Return the organization and the fields of a form of somebody who may send it.

        Raises NOT_FOUND and FORBIDDEN.
        """
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.signed_in(request, PAGE)
        id = uuid_of(fields.get("organization"))
        if id is None or not sees_billing(viewer, id):
            raise Problem("NOT_FOUND", "There is no such organization.")
        if not may_pay(viewer, id):
            message = "Only owners and members with the role BILLING change the subscription."
            raise Problem("FORBIDDEN", message)
        return id, fields, self._context(request, viewer)

    def _context(self, request: Request, viewer: Viewer) -> Context:
        return Context(self._site.session(request, viewer), payments=self._payments)

    async def _page(
        self,
        request: Request,
        context: Context,
        id: UUID | None,
        preview: SimpleNamespace | None = None,
    ) -> Response:
        if id is None or not sees_billing(context.viewer, id):
            raise Problem("NOT_FOUND", "There is no such organization.")
        row = await context.get(Organization, id)
        billing, used = await billing_of(context, row), await usage_of(context, row)
        assert billing is not None  # noqa: S101 (they see it)
        return self._form(
            request,
            "billing.html",
            id=id,
            page=PAGE,
            name=row.name,
            billing=billing,
            limits=[(words, getattr(used, name)) for name, words in LIMITS if used],
            plot=await self._plot(context, row),
            offers=_offers(),
            due=billing.payment_required_at,
            over=bool(
                billing.payment_required_at and billing.payment_required_at <= datetime.now(UTC)
            ),
            money=money,
            preview=preview,
            live=billing.status is not None and billing.status.value not in _ENDED,
        )

    async def _plot(self, context: Context, row: Row) -> Markup | None:
        """Return the plot of the cost of operations in the last days, and its numbers."""
        last = datetime.now(UTC).date()
        days = [last - timedelta(days=before) for before in reversed(range(DAYS))]
        rows = await context.session.usage_by([row.id], UsageGrouping.DAY, days[0], last)
        cost = {each.key: each.quantity for each in rows if each.unit == "cost"}
        if not cost:
            return None
        series = Series("Cost of operations", [int(cost.get(day, 0)) for day in days])
        plot = Plot(f"Usage of {row.name}", [day.isoformat() for day in days], [series])
        return Markup(  # noqa: S704 (both escape what people write)
            f"<figure>{svg(plot)}</figure><details><summary>Numbers</summary>{table(plot)}</details>"
        )

    def _form(self, request: Request, template: str, **values: Any) -> Response:
        news = NEWS.get(request.query_params.get("news", ""))
        response = self._site.form(request, template, cookie=cookies.SESSION, news=news, **values)
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = policy.replace(
            "form-action 'self'", f"form-action 'self' {STRIPE_PAGES}"
        )
        return response


_ENDED = ("incomplete", "incomplete_expired", "cancelled")


def _offers() -> list[SimpleNamespace]:
    """Return what is sold: the value of the form, and its words."""
    return [
        SimpleNamespace(
            value=f"{plan.value} {interval.value}",
            words=f"{plan.value.title()}, {interval.value}: {money(amount, CURRENCY)},"
            f" {PLANS[plan].members:,} members, {PLANS[plan].projects:,} projects",
        )
        for plan, own in PRICES.items()
        for interval, amount in own.items()
    ]


def _chosen(fields: dict[str, str]) -> tuple[BillingPlan, PricingPlanInterval]:
    """Return the plan and the interval of a form. Raises INVALID."""
    plan, _, interval = fields.get("offer", "").partition(" ")
    try:
        return BillingPlan(plan), PricingPlanInterval(interval)
    except ValueError:
        raise Problem("INVALID", "Choose one of the plans.") from None


def _back(id: UUID, news: str) -> Response:
    return see(f"{PAGE}?organization={id}&news={news}")
