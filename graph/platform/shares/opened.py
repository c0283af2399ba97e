"""The root field of whoever sends the key of a share: the object that it opens."""

from datetime import datetime

import strawberry

from graph.kit.context import Info
from graph.kit.node import Node
from graph.platform.shares.types import MODELS


@strawberry.type(description="The object that the share of the request opens, read-only.")
class SharedObject:
    expires_at: datetime | None = strawberry.field(
        description="The date and time until which the key of the request opens the object."
    )

    @strawberry.field(description="The object, with what is written in it; null if it is deleted.")
    async def object(self, info: Info) -> Node | None:
        shared = info.context.viewer.shared
        if shared is None:
            return None
        (row,) = await info.context.nodes([shared.object_id], list(MODELS.values()))
        return row  # type: ignore[return-value]


@strawberry.type
class Query:
    @strawberry.field(
        description="The object that the share of the request opens; null for users, service"
        " accounts and applications."
    )
    def shared(self, info: Info) -> SharedObject | None:
        viewer = info.context.viewer
        return SharedObject(expires_at=viewer.expires_at) if viewer.shared else None
