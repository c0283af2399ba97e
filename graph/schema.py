"""The schema: what each area offers, put together."""

from uuid import UUID

import strawberry
from strawberry.schema.config import StrawberryConfig

from graph.core import (
    api_keys,
    changes,
    clients,
    membership,
    notifications,
    organizations,
    people,
    personal_tokens,
    projects,
    purge,
    service_accounts,
    trash,
    usage,
)
from graph.kit.context import Info
from graph.kit.node import NODES, Node
from graph.kit.scalars import SCALARS
from graph.kit.scopes import require_scopes
from graph.requirements import (
    assignments,
    baselines,
    blocks,
    comparisons,  # noqa: F401 (it extends types)
    documents,
    nested,
    presence,
    requirements,
)
from graph.requirements import changes as changes_of_requirements

for _type in (
    organizations.Organization,
    projects.Project,
    documents.Document,
    blocks.Block,
    requirements.Requirement,
    baselines.Baseline,
    people.Profile,
    organizations.OrganizationMember,
    organizations.OrganizationInvitation,
    clients.OAuthClient,
    projects.ProjectMember,
    api_keys.ApiKey,
    personal_tokens.PersonalToken,
    notifications.Notification,
    assignments.Assignment,
):
    NODES[_type.model] = _type


@strawberry.type
class Query(
    people.Query,
    organizations.Query,
    projects.Query,
    documents.Query,
    blocks.Query,
    requirements.Query,
    baselines.Query,
    trash.Query,
):
    @strawberry.field(description="Whatever has this id, of any type, or NOT_FOUND.")
    async def node(self, info: Info, id: UUID) -> Node | None:
        return await info.context.node(id, list(NODES))  # type: ignore[return-value]

    @strawberry.field(description="What has these ids, in their order; null for those not found.")
    async def nodes(self, info: Info, ids: list[UUID]) -> list[Node | None] | None:
        return await info.context.nodes(ids, list(NODES))  # type: ignore[return-value]


@strawberry.type
class Mutation(
    people.Mutation,
    membership.Mutation,
    service_accounts.Mutation,
    clients.Mutation,
    api_keys.Mutation,
    personal_tokens.Mutation,
    notifications.Mutation,
    projects.Mutation,
    nested.Mutation,
    documents.Mutation,
    blocks.Mutation,
    requirements.Mutation,
    purge.Mutation,
    baselines.Mutation,
    presence.Mutation,
    assignments.Mutation,
):
    pass


@strawberry.type
class Subscription(
    changes.Subscription,
    changes_of_requirements.Subscription,
    presence.Subscription,
    notifications.Subscription,
):
    pass


schema = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    types=[*NODES.values(), usage.Usage],
    config=StrawberryConfig(scalar_map=SCALARS),
)
require_scopes(schema)
