"""A gateway with a Stripe account: that of the stand-in, or with STRIPE_SECRET_KEY a test account.

The tests use Stripe's own client for what customers do there, and bring its events to the gateway.
STRIPE_API_BASE is another server with Stripe's API, such as the stand-in in a process of its own.
"""

import asyncio
import json
import os
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import stripe
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from db import billing
from db.pool import NOBODY
from graph.jobs import KINDS
from graph.platform.billing.payments import StripePayments
from graph.platform.billing.sync import sync
from graph.platform.jobs.run import Services
from tests.conftest import running
from tests.platform.billing.stand_in import KEY, StandIn
from tests.platform.incoming.sending import SECRET, send
from tests.platform.jobs.kinds import worker
from tests.serving import served
from tests.world import World

REAL_KEY = os.environ.pop("STRIPE_SECRET_KEY", None)  # the gateways of other tests have no account
REAL_BASE = os.environ.pop("STRIPE_API_BASE", "")
if REAL_KEY and not REAL_KEY.startswith(("sk_test_", "rk_test_")):
    raise pytest.UsageError(
        "The tests create and charge customers: STRIPE_SECRET_KEY is no test key."
    )
DAY = 86_400
HANDLED = [kind for kind in KINDS if kind.name in ("webhooks.stripe", "billing.notify")]


@dataclass
class Account:
    """The account in Stripe, the gateway that uses it, and what was delivered to it."""

    client: httpx.AsyncClient
    payments: StripePayments
    stripe: Any
    stand_in: StandIn | None
    delivered: set[str] = field(default_factory=set)

    async def do(self, call: Any, *arguments: Any, **options: Any) -> Any:
        """Call Stripe's client in a thread."""
        return await asyncio.to_thread(call, *arguments, **options)

    async def customer(self, world: World, *, clock: str | None = None, card: str | None = None):
        """Make the world's organization a customer, with a clock and a card; return its ID."""
        more = {"test_clock": clock} if clock else {}
        made = await self.do(self.stripe.v1.customers.create, {"name": world.name, **more})
        if card:
            await self.card(made.id, card)
        async with world.database.auth.lend(NOBODY, in_transaction=True) as lent:
            await billing.customer_of(lent, world.organization, made.id)
        return made.id

    async def card(self, customer: str, name: str) -> None:
        """Give a customer a card, by the name of a test card."""
        attach = self.stripe.v1.payment_methods.attach
        method = await self.do(attach, name, {"customer": customer})
        settings = {"invoice_settings": {"default_payment_method": method.id}}
        await self.do(self.stripe.v1.customers.update, customer, settings)

    async def clock(self) -> Any:
        """Create a test clock."""
        clocks = self.stripe.v1.test_helpers.test_clocks
        return await self.do(clocks.create, {"frozen_time": int(time.time())})

    async def advance(self, clock: Any, days: float) -> None:
        """Have days pass on a clock."""
        clocks = self.stripe.v1.test_helpers.test_clocks
        clock.frozen_time += int(days * DAY)
        await self.do(clocks.advance, clock.id, {"frozen_time": clock.frozen_time})
        while (await self.do(clocks.retrieve, clock.id)).status != "ready":  # noqa: ASYNC110 (asked)
            await asyncio.sleep(1)

    async def events(self, customer: str) -> list[dict[str, Any]]:
        """Return the events of a customer that were not delivered, the oldest first."""
        page = await self.do(self.stripe.v1.events.list, {"limit": 100})
        found = []
        for event in reversed(page.data):
            content = json.loads(str(event))
            about = content["data"]["object"]
            mine = customer in (about.get("customer"), about["id"])
            if mine and event.id not in self.delivered:
                found.append(content)
        return found

    async def deliver(self, world: World, customer: str) -> list[str]:
        """Deliver the new events of a customer, and handle them; return their types."""
        events = await self.events(customer)
        for event in events:
            self.delivered.add(event["id"])
            assert (await send(self.client, event, SECRET)).status_code == 200
        await self.handle(world)
        return [event["type"] for event in events]

    async def handle(self, world: World) -> None:
        """Handle the events that wait, and what follows from them."""
        services = Services(payments=self.payments)
        await worker(world.database, *HANDLED, services=services).run_due()


@pytest.fixture(scope="session")
async def account(settings, database):
    """Yield the account, with the plans in it."""
    stand_in = None if REAL_KEY else StandIn()
    if stand_in is None:
        async with connected(settings, database, REAL_BASE, REAL_KEY, None) as account:
            yield account
    else:
        async with (
            served(lambda _: stand_in.app()) as url,
            connected(settings, database, url, KEY, stand_in) as account,
        ):
            yield account


class connected:  # noqa: N801 (a context manager)
    """Run a gateway with an account."""

    def __init__(self, settings, database, base, key, stand_in):
        settings = settings.model_copy(
            update={
                "stripe_secret_key": SecretStr(key),
                "stripe_api_base": base,
                "stripe_webhook_secrets": (SecretStr(SECRET),),
                "cors_origins": ("https://app.example",),
            }
        )
        self.running = running(settings)
        bases = {"api": base} if base else None
        self.stripe = stripe.StripeClient(key, base_addresses=bases)
        self.payments, self.stand_in = StripePayments(database, settings), stand_in

    async def __aenter__(self):
        app = await self.running.__aenter__()
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        await sync(self.payments.api, dry_run=False)
        return Account(client, self.payments, self.stripe, self.stand_in)

    async def __aexit__(self, *error):
        await self.running.__aexit__(*error)


@pytest.fixture
def paying(world, account):
    """Return the world as it is seen by the gateway with the account."""
    world.client = account.client
    return world


async def other_tenant(superuser, owner):
    """Return an organization of this person alone."""
    id = uuid7()
    await superuser.execute(
        "INSERT INTO organizations (id, name, slug, owner_id) VALUES ($1, 'Other', $2, $3)",
        id,
        id.hex,
        owner,
    )
    return id
