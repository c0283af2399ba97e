"""The schema, merged from the types and fields of each product."""

from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.schema.config import StrawberryConfig

from db.problem import Problem
from graph.compliance import schema as compliance
from graph.core import schema as core
from graph.delivery import schema as delivery
from graph.kit.context import Info
from graph.kit.node import NODES, Node
from graph.kit.one_of import check_one_of
from graph.kit.scalars import SCALARS, uuid_of
from graph.kit.scopes import require_scopes
from graph.platform import schema as platform
from graph.requirements import schema as requirements

PRODUCTS: tuple[Any, ...] = (core, platform, requirements, compliance, delivery)
"""The products, which add to the schema; the tenant core and the platform come first."""

NODES.update({type_.model: type_ for product in PRODUCTS for type_ in product.NODES})


def _merged(root: str) -> tuple[type, ...]:
    """Return the fields of a root that products have, as base classes of it."""
    return tuple(getattr(product, root) for product in PRODUCTS if hasattr(product, root))


ObjectId = Annotated[strawberry.ID, strawberry.argument(description="The ID of the object.")]
ObjectIds = Annotated[
    list[strawberry.ID], strawberry.argument(description="The IDs of the objects, at most 100.")
]


def _uuid(id: strawberry.ID, *place: str | int) -> UUID:
    """Return the UUID of an ID. Raises INVALID if it is no UUID."""
    if (found := uuid_of(id)) is None:
        raise Problem("INVALID", "Must be a UUID.", field=place)
    return found


@strawberry.type(description="The operations that read data.")
class Query(*_merged("Query")):  # type: ignore[misc] # the bases are not known to mypy
    @strawberry.field(description="Look up an object of any type by its ID.")
    async def node(self, info: Info, id: ObjectId) -> Node | None:
        return await info.context.node(_uuid(id, "id"), list(NODES))  # type: ignore[return-value]

    @strawberry.field(
        description="Look up objects of any type by their IDs, in order; null for those not found."
    )
    async def nodes(self, info: Info, ids: ObjectIds) -> list[Node | None] | None:
        wanted = [_uuid(id, "ids", place) for place, id in enumerate(ids)]
        return await info.context.nodes(wanted, list(NODES))  # type: ignore[return-value]


@strawberry.type(description="The operations that change data.")
class Mutation(*_merged("Mutation")):  # type: ignore[misc] # the bases are not known to mypy
    pass


@strawberry.type(description="The operations that deliver changes as they happen.")
class Subscription(*_merged("Subscription")):  # type: ignore[misc] # the bases are not known to mypy
    pass


schema = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    types=list(NODES.values()),
    config=StrawberryConfig(scalar_map=SCALARS),
)
require_scopes(schema)
check_one_of(schema)
