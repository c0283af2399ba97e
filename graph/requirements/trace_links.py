"""Trace links: relations between objects, their ends, and the changes that make them suspect."""

from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.types.base import get_object_definition

from auth.session import Past
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.requirements import collaboration as db
from db.requirements.collaboration import EntityType as EntityLabel
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.entity_types import EntityType
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.filters import BooleanFilterInput
from graph.kit.history import FIELDS, FieldChange, field_change
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.node import Node
from graph.kit.scalars import BigInt
from graph.requirements.blocks import Block
from graph.requirements.change_sets.overlay import in_change_set
from graph.requirements.diagrams.drawings import ExcalidrawDiagram
from graph.requirements.diagrams.flows import ReactFlowDiagram
from graph.requirements.documents import Document
from graph.requirements.executions import TestExecution
from graph.requirements.external_documents import ExternalDocument
from graph.requirements.requirements import Requirement
from graph.requirements.sql.trace_ends import LINKABLE, Change, End, Since, TraceEnds, suspect
from graph.requirements.testing import TestCase
from graph.requirements.trace_types import TraceLinkType


@strawberry.enum(description="The state of an end of a trace link.")
class TraceLinkEndState(Enum):
    PRESENT = strawberry.enum_value("present", description="The viewer can read the object.")
    DELETED = strawberry.enum_value(
        "deleted", description="The object was deleted, or is in another deleted object."
    )
    HIDDEN = strawberry.enum_value("hidden", description="The viewer cannot read the object.")


@strawberry.interface(description="An object that trace links can join.")
class Linkable(Node):
    pass


@strawberry.type(
    description="An end of a trace link. If the object was deleted or the viewer cannot read it,"
    " all fields except `state` are null or empty."
)
class TraceLinkEnd:
    type_: strawberry.Private[EntityLabel]
    row_id: strawberry.Private[UUID]
    since: strawberry.Private[int]
    past: strawberry.Private[Past | None]

    @strawberry.field(description="Whether the object can be read.")
    async def state(self, info: Info) -> TraceLinkEndState:
        return await self.current_state(info)

    async def current_state(self, info: Info) -> TraceLinkEndState:
        """Return whether the object can be read, and if not why, as far as the viewer may know."""
        found = await self._state(info)
        if found is None:
            return TraceLinkEndState.HIDDEN
        return TraceLinkEndState.PRESENT if found.shown else TraceLinkEndState.DELETED

    @strawberry.field(description="The type of the object.")
    async def entity_type(self, info: Info) -> EntityType | None:
        return self.type_.entity if await self._shown(info) else None

    @strawberry.field(description="The ID of the object.")
    async def entity_id(self, info: Info) -> UUID | None:
        return self.row_id if await self._shown(info) else None

    @strawberry.field(description="The object.")
    async def node(self, info: Info) -> Linkable | None:
        if not await self._shown(info):
            return None
        return await info.context.one(LINKABLE[self.type_], self.row_id, self.past)  # type: ignore[return-value]

    @strawberry.field(
        description="The version of the object at which the link was created or last confirmed."
    )
    async def confirmed_version(self, info: Info) -> BigInt | None:
        return BigInt(self.since) if await self._shown(info) else None

    @strawberry.field(
        description="Whether the content of the object was changed after `confirmedVersion`. Null"
        " when a past state is read."
    )
    async def suspect(self, info: Info) -> bool | None:
        return None if self.past else await self._suspect(info)

    @strawberry.field(
        description="The fields of the object's content that differ from those at"
        " `confirmedVersion`. They are empty for viewers outside of the organization, and when a"
        " past state is read.",
        metadata={"largest_page": FIELDS},
    )
    async def changes(self, info: Info) -> list[FieldChange]:
        if self.past or not await self._suspect(info):
            return []
        load: Any = info.context.loader("end changes", partial(_changes, info.context)).load
        found: list[Change] = await load((self.row_id, self.since))
        name = LINKABLE[self.type_].__name__
        return [field_change(name, change.column, change.old, change.new) for change in found]

    async def _state(self, info: Info) -> End | None:
        model = LINKABLE.get(self.type_)
        if self.past and model and await info.context.one(model, self.row_id, self.past):
            return End(shown=True, content_version=self.since)
        batch = partial(_states, info.context, self.type_)
        found: End | None = await info.context.loader(("end", self.type_), batch).load(self.row_id)
        return found._replace(shown=False) if found and self.past else found

    async def _shown(self, info: Info) -> bool:
        found = await self._state(info)
        return found is not None and found.shown

    async def _suspect(self, info: Info) -> bool:
        found = await self._state(info)
        return found is not None and found.shown and found.content_version > self.since


async def _states(context: Context, type_: EntityLabel, ids: list[UUID]) -> list[End | None]:
    found = await TraceEnds(context.session).states(type_, ids)
    return [found.get(id) for id in ids]


async def _changes(context: Context, since: list[Since]) -> list[list[Change]]:
    found = await TraceEnds(context.session).changes(since)
    return [found.get(key, []) for key in since]


def _end(root: Any, info: Info, end: str) -> TraceLinkEnd:
    return TraceLinkEnd(
        type_=EntityLabel(getattr(root, f"{end}_type")),
        row_id=getattr(root, f"{end}_id"),
        since=getattr(root, f"{end}_version"),
        past=info.context.past_of(root),
    )


SOURCE = ("source_id", "source_type", "source_version")
TARGET = ("target_id", "target_type", "target_version")


@strawberry.type(description="A directed relation between two objects of one organization.")
class TraceLink(Authored, Node):
    model = db.TraceLink

    link_type: TraceLinkType = described("The relation of the source to the target.")
    description: str | None = described("The description of the link.")
    organization_id: UUID = described("The ID of the organization of the link.")
    project_id: UUID = described("The ID of the project of the source.")
    confirmed_at: datetime | None = described(
        "The date and time when the link was last confirmed; null if it was not confirmed since it"
        " was created."
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the source."
    )
    confirmed_by: Profile | None = to_one(
        "confirmed_by", ProfileRow, Profile, "The user who last confirmed the link."
    )

    @computed(*SOURCE, text="The object that the link leads from.")
    def source(root: strawberry.Parent[Any], info: Info) -> TraceLinkEnd:  # noqa: N805
        return _end(root, info, "source")

    @computed(*TARGET, text="The object that the link leads to.")
    def target(root: strawberry.Parent[Any], info: Info) -> TraceLinkEnd:  # noqa: N805
        return _end(root, info, "target")

    @computed(
        *SOURCE,
        *TARGET,
        text="Whether the content of an end was changed after the link was created or last"
        " confirmed. Changes of position, tags and status are no changes of content. Null when a"
        " past state is read.",
    )
    async def suspect(root: strawberry.Parent[Any], info: Info) -> bool | None:  # noqa: N805
        found = [await _end(root, info, end).suspect(info) for end in ("source", "target")]
        return None if None in found else any(found)


TraceLinkFilterInput = filter_input(
    TraceLink,
    "id",
    "project_id",
    "link_type",
    "description",
    "suspect",
    "confirmed_at",
    "created_at",
    "updated_at",
    comparisons={"suspect": BooleanFilterInput},
    expressions={"suspect": suspect()},
    weights={"suspect": 25},
)
TraceLinkOrderInput = order_input(TraceLink, "link_type", "created_at", "updated_at")


@input_for(TraceLink, "A trace link to create.")
class TraceLinkCreateInput:
    source_id: UUID = strawberry.field(description="The ID of the object that the link leads from.")
    target_id: UUID = strawberry.field(
        description="The ID of the object that the link leads to, in the same organization."
    )
    link_type: TraceLinkType = TraceLinkType.RELATES_TO
    description: str | None = UNSET


@input_for(TraceLink, "The fields of a trace link to change.")
class TraceLinkUpdateInput:
    link_type: Maybe[TraceLinkType]
    description: Maybe[str | None]


def _links(key: str | None, text: str) -> Any:
    return connection(
        db.TraceLink, TraceLink, TraceLinkFilterInput, TraceLinkOrderInput, text, key=key
    )


def make_linkable(type_: type[Node]) -> None:
    """Add the interface `Linkable` with its fields to a type."""
    get_object_definition(type_, strict=True).interfaces.append(
        get_object_definition(Linkable, strict=True)
    )
    _add_links(type_)


def _add_links(type_: type[Node]) -> None:
    extend_type(
        type_,
        outgoing_links=_links("source_id", "The trace links that lead from the object."),
        incoming_links=_links("target_id", "The trace links that lead to the object."),
    )


_add_links(Linkable)
LINKABLE_TYPES: tuple[type[Node], ...] = (
    Project,
    Document,
    Block,
    Requirement,
    TestCase,
    TestExecution,
    ExcalidrawDiagram,
    ReactFlowDiagram,
    ExternalDocument,
)
"""The types that trace links can join."""
for type_ in LINKABLE_TYPES:
    make_linkable(type_)
extend_type(
    Project,
    trace_links=_links("project_id", "The trace links that lead from objects in the project."),
)


@strawberry.type
class Query:
    trace_link = by_id(
        db.TraceLink, TraceLink, "Look up a trace link by its ID.", proposed=in_change_set
    )
    trace_links = _links(None, "List trace links that the viewer can read.")
