"""A webhook endpoint of the demonstration, which sends nothing until somebody activates it."""

from uuid import UUID

from uuid_utils.compat import uuid7

from auth.accounts import service_accounts
from auth.session import ViewerSession
from auth.settings import AuthSettings
from db.core.organizations import UserRoleType
from db.core.webhooks import WebhookEndpoint, WebhookEndpointStatus
from graph.platform.webhooks.signing import new_secret, sealed

SELECTION = "{ actor { fullName } entity { ... on Requirement { externalId name status } } }"


async def add_webhook(
    session: ViewerSession, settings: AuthSettings, organization_id: UUID
) -> None:
    """Create a service account, and a paused endpoint that reads with its rights."""
    async with session.transaction() as transaction:
        account, _ = await service_accounts.create(
            transaction, organization_id, "Planner", UserRoleType.VIEWER
        )
        await transaction.flush()
        id = uuid7()
        transaction.add(
            WebhookEndpoint(
                id=id,
                organization_id=organization_id,
                name="Planner",
                url="https://planner.example/hooks",
                service_account_id=account.id,
                event_types=["requirement.*"],
                selection=SELECTION,
                status=WebhookEndpointStatus.PAUSED,
                secret=sealed(settings, id, new_secret()),
            )
        )
