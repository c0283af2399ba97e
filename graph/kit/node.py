"""The Node interface: an identity, a version, and what the viewer may do with it."""

from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar
from uuid import UUID

import strawberry

from auth.policy import allows, entity_of
from auth.policy.scopes import STANDS_FOR, scopes_beneath
from auth.session.row import model_of
from auth.viewer import Viewer
from db.base import SCOPES, Entity
from db.problem import Problem
from graph.kit.connection import Connection
from graph.kit.context import Info
from graph.kit.fields import described
from graph.kit.history import HistoryEntry, history
from graph.kit.scalars import BigInt

NODES: dict[type[Entity], type["Node"]] = {}
"""The GraphQL type of each model that `node` finds; `graph.schema` fills it, in its order."""


@strawberry.type(description="What the viewer may do, so that a front end can grey out a button.")
class ViewerCan:
    viewer: strawberry.Private[Viewer]
    model: strawberry.Private[type[Entity]]
    row: strawberry.Private[Any]
    past: strawberry.Private[bool]

    @strawberry.field(description="Whether the viewer may change it.")
    def update(self) -> bool:
        return not self.past and allows(self.viewer, "update", self.model, self.row)

    @strawberry.field(description="Whether the viewer may delete it, and restore it.")
    def delete(self) -> bool:
        return not self.past and allows(self.viewer, "delete", self.model, self.row)

    @strawberry.field(description="Whether the viewer may create a Requirement, say, within it.")
    def create(
        self, type: Annotated[str, strawberry.argument(description="The name of a type.")]
    ) -> bool:
        for model, candidate in NODES.items():
            if candidate.__name__ == type:
                within = dict.fromkeys([*SCOPES, "id"]) | scopes_beneath(self.model, self.row)
                within |= {key: within[scope] for key, scope in STANDS_FOR.items()}
                row = SimpleNamespace(**within)
                return not self.past and allows(self.viewer, "create", model, row)
        raise Problem("INVALID", f"There is no type {type} to create.", field=["type"])


@strawberry.interface(description="Anything with an identity. `node(id:)` finds it again.")
class Node:
    model: ClassVar[type[Entity]]

    id: UUID = described("A UUIDv7: ids sort by creation.")
    version: BigInt = described("Grows by one with each change; give it back as expectedVersion.")
    created_at: datetime = described("When it was created.")
    updated_at: datetime = described("When it was last changed.")
    history: Connection[HistoryEntry] | None = history()

    @strawberry.field(description="What the viewer may do with it.")
    def viewer_can(root: strawberry.Parent[Any], info: Info) -> ViewerCan:  # noqa: N805
        past = info.context.past_of(root) is not None
        model = entity_of(model_of(root))
        return ViewerCan(viewer=info.context.viewer, model=model, row=root, past=past)

    @classmethod
    def is_type_of(cls, row: Any, _info: Info) -> bool:
        return model_of(row) is cls.model
