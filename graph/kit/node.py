"""The Node interface: identity, version, and the viewer's permissions."""

from datetime import datetime
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

import strawberry

from auth.policy import ENTITIES, allows, deciding_columns, entity_of, owner_of
from auth.policy.scopes import STANDS_FOR, scopes_beneath
from auth.session.row import model_of
from auth.viewer import Viewer
from db.base import SCOPES, Entity
from graph.kit.connection import Connection
from graph.kit.context import Info
from graph.kit.entity_types import EntityType
from graph.kit.fields import computed, described
from graph.kit.history import HistoryEntry, history
from graph.kit.scalars import BigInt

NODES: dict[type[Entity], type["Node"]] = {}
"""The GraphQL type of each model that `node` finds; `graph.schema` fills it, in its order."""


@strawberry.type(description="The actions that the viewer can perform.")
class ViewerCan:
    viewer: strawberry.Private[Viewer]
    model: strawberry.Private[type[Entity]]
    row: strawberry.Private[Any]
    past: strawberry.Private[bool]

    @strawberry.field(description="Whether the viewer can update the object.")
    def update(self) -> bool:
        return not self.past and allows(self.viewer, "update", self.model, self.row)

    @strawberry.field(description="Whether the viewer can delete and restore the object.")
    def delete(self) -> bool:
        return not self.past and allows(self.viewer, "delete", self.model, self.row)

    @strawberry.field(description="Whether the viewer can create objects of a type in the object.")
    def create(
        self,
        type: Annotated[EntityType, strawberry.argument(description="The type of the objects.")],
    ) -> bool:
        within = dict.fromkeys([*SCOPES, "id"]) | scopes_beneath(self.model, self.row)
        within |= {key: within[scope] for key, scope in STANDS_FOR.items()}
        model = ENTITIES[type.value]
        owner = owner_of(self.model, self.row) if model.traits.owned_with else self.viewer.id
        row = SimpleNamespace(**within, user_id=owner)
        return not self.past and allows(self.viewer, "create", model, row)


@strawberry.interface(description="An object with an ID.")
class Node:
    model: ClassVar[type[Entity]]

    id: strawberry.ID = described("The ID of the object. IDs sort by the time of creation.")
    version: BigInt = described(
        "The version of the object, which increases by one with each change. Pass it as"
        " `expectedVersion`."
    )
    created_at: datetime = described("The date and time when the object was created.")
    updated_at: datetime = described("The date and time when the object was last changed.")
    history: Connection[HistoryEntry] | None = history()

    @computed(
        of_model=deciding_columns, text="The actions that the viewer can perform on the object."
    )
    def viewer_can(root: strawberry.Parent[Any], info: Info) -> ViewerCan:  # noqa: N805
        past = info.context.past_of(root) is not None
        model = entity_of(model_of(root))
        return ViewerCan(viewer=info.context.viewer, model=model, row=root, past=past)

    @classmethod
    def is_type_of(cls, row: Any, _info: Info) -> bool:
        return model_of(row) is cls.model
