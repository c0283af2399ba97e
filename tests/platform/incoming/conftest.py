"""An application that receives webhooks, and organizations that are customers."""

import httpx
import pytest
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from tests.conftest import running
from tests.platform.incoming.sending import FORMER, SECRET, SHARED


@pytest.fixture(scope="session")
async def receiving(settings):
    """Yield a client of an application that receives webhooks."""
    settings = settings.model_copy(
        update={
            "stripe_webhook_secrets": (SecretStr(SECRET), SecretStr(FORMER)),
            "standard_webhook_secrets": (SecretStr(f"crm={SHARED}"),),
        }
    )
    async with running(settings) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


@pytest.fixture
async def customer(world):
    """Return the ID of the world's organization in Stripe."""
    return await founded(world, world.organization)


async def founded(world, organization):
    """Return the ID in Stripe of an organization that becomes a customer."""
    id = f"cus_{uuid7().hex}"
    await world.superuser.execute(
        "INSERT INTO stripe_customers (id, organization_id, stripe_customer_id)"
        " VALUES ($1, $2, $3)",
        uuid7(),
        organization,
        id,
    )
    return id
