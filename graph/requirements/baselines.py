"""Baselines: frozen states of a document or a project, and what has become of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from auth.policy import allows
from auth.policy.scopes import scopes_beneath
from auth.session import Frozen
from auth.viewer import Role
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import baselines as db
from db.requirements.documents import Document as DocumentRow
from db.requirements.requirements import Requirement as RequirementRow
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import LARGEST_REQUIREMENTS_PAGE, Direction, connection
from graph.kit.context import Context, Info
from graph.kit.fields import by_id, described, extend_type, same
from graph.kit.filters import DateTimeFilter, StringFilter, UUIDFilter, named
from graph.kit.history import shown
from graph.kit.mutations import Payload, answer, delete, given, restore, writing
from graph.kit.node import Node
from graph.kit.scalars import BigInt
from graph.requirements.documents import Document, DocumentFilter, DocumentOrder
from graph.requirements.requirements import Requirement, RequirementFilter, RequirementOrder

IN_PROJECT = frozenset({"TestCase", "TestExecution", "TraceLink"})
"""What belongs to a project, also in the baseline of a document."""
PEOPLE = frozenset({"created_by", "updated_by", "executed_by"})
"""Columns that name people, of whom readers of a public project do not learn."""


@strawberry.type(description="How many items of one type there are.")
class BaselineCount:
    entity_type: str = described("The name of the type, such as Requirement.")
    count: int = described("How many.")


@strawberry.type(description="One row as it was when the baseline was made.")
class BaselineItem:
    entity_type: str = described("The name of its type, such as Requirement.")
    id: UUID = described("Its id; the item itself has none.", name="entityId")
    version: BigInt = described("The version it was at.")

    @strawberry.field(description="Its columns by the names of the API's fields.")
    def data(root: strawberry.Parent[Any], info: Info) -> JSON:  # noqa: N805
        people = sees_people(info, root)
        return spelled(root.entity_type, root.data, people=people)  # type: ignore[no-any-return]

    @strawberry.field(
        description="Its columns as they are hashed: JSON as PostgreSQL writes it. Null for readers"
        " from outside of the organization, since it names people."
    )
    async def canonical(root: strawberry.Parent[Any], info: Info) -> str | None:  # noqa: N805
        if not sees_people(info, root):
            return None
        load: Any = info.context.loader("canonical", partial(_canonical, info.context)).load
        return str(await load((root.baseline_id, root.id)))

    @strawberry.field(description="The SHA-256 of `canonical` in UTF-8, in hexadecimal.")
    def content_hash(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return str(root.content_hash.hex())


@strawberry.type(description="What a document or a project held at one moment. It never changes.")
class Baseline(Authored, Node):
    model = db.Baseline

    name: str = described("What it is called.")
    description: str | None = described("What it is for.")
    organization_id: UUID = described("The organization it belongs to.")
    project_id: UUID = described("The project it belongs to.")
    document_id: UUID | None = described("The document that was frozen; null for the project.")

    @strawberry.field(description="The SHA-256 over its items, in hexadecimal.")
    def content_hash(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return str(root.content_hash.hex())

    @strawberry.field(
        description="The document as it was, and beneath it what it held; null for a project."
    )
    async def document(root: strawberry.Parent[Any], info: Info) -> Document | None:  # noqa: N805
        if root.document_id is None:
            return None
        past = Frozen(root.id)
        return await info.context.one(DocumentRow, root.document_id, past)  # type: ignore[return-value]

    @strawberry.field(description="How many items of each type it has that the viewer may see.")
    def counts(root: strawberry.Parent[Any], info: Info) -> list[BaselineCount]:  # noqa: N805
        return [
            BaselineCount(entity_type=name, count=root.item_counts[name])
            for name in (model.__name__ for model in db.FROZEN)
            if name in root.item_counts and _may_see(info, root, name)
        ]

    @strawberry.field(
        description="Whether its items, and what the record of changes says of them, still fit its"
        " hash; computed anew from all of them."
    )
    async def verified(root: strawberry.Parent[Any], info: Info) -> bool:  # noqa: N805
        found: bool = await info.context.loader("verified", partial(_verified, info.context)).load(
            root.id
        )
        return found


def _may_see(info: Info, baseline: Any, entity_type: str) -> bool:
    place = same(baseline, "organization_id", "project_id", "document_id")
    if entity_type in IN_PROJECT:
        place["document_id"] = None
    return allows(info.context.viewer, "read", db.BaselineItem, _Place(**place))


@dataclass
class _Place:
    organization_id: UUID
    project_id: UUID
    document_id: UUID | None


async def _canonical(context: Context, keys: list[Any]) -> list[str]:
    found = await context.session.comparison.canonical(
        {baseline for baseline, _ in keys}, {id for _, id in keys}
    )
    return [found[key] for key in keys]


async def _verified(context: Context, ids: list[UUID]) -> list[bool]:
    found = await context.session.comparison.verified(ids)
    return [found.get(id, False) for id in ids]


def sees_people(info: Info, row: Any) -> bool:
    """Whether the viewer may know who works in the row's organization."""
    held = info.context.viewer.grants.get(row.organization_id, Role.ANYONE)
    return held >= Role.MEMBER


def spelled(entity: str, data: Mapping[str, Any] | None, *, people: bool) -> Any:
    """Columns by the names of the API's fields; what is in JSON keeps its names.

    Without `people` those that name one are left out.
    """
    left = frozenset() if people else PEOPLE
    return data and {
        to_camel_case(name): shown(entity, name, data[name]) for name in data if name not in left
    }


@strawberry.input
class BaselineFilter:
    id: UUIDFilter | None = UNSET
    document_id: UUIDFilter | None = UNSET
    name: StringFilter | None = UNSET
    description: StringFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    and_: list["BaselineFilter"] | None = named("and")
    or_: list["BaselineFilter"] | None = named("or")
    not_: "BaselineFilter | None" = named("not")


@strawberry.enum
class BaselineSort(Enum):
    NAME = "name"
    CREATED_AT = "created_at"


@strawberry.input
class BaselineOrder:
    by: BaselineSort
    direction: Direction = Direction.ASC


@strawberry.input
class BaselineItemFilter:
    id: UUIDFilter | None = named("entityId")
    entity_type: StringFilter | None = UNSET
    document_id: UUIDFilter | None = UNSET
    and_: list["BaselineItemFilter"] | None = named("and")
    or_: list["BaselineItemFilter"] | None = named("or")
    not_: "BaselineItemFilter | None" = named("not")


@strawberry.enum
class BaselineItemSort(Enum):
    ENTITY_TYPE = "entity_type"
    POSITION = "position"


@strawberry.input
class BaselineItemOrder:
    by: BaselineItemSort
    direction: Direction = Direction.ASC


@strawberry.input(description="What to freeze: a document, or a project with all of its documents.")
class BaselineCreate:
    name: str
    document_id: UUID | None = UNSET
    project_id: UUID | None = UNSET
    description: str | None = UNSET


@strawberry.type
class BaselinePayload(Payload):
    baseline: Baseline


async def baseline_create(info: Info, input: BaselineCreate) -> BaselinePayload | None:
    values = given(input)
    named_ = [key for key in ("document_id", "project_id") if key in values]
    if len(named_) != 1:
        message = "Name a document or a project, one of them."
        raise Problem("INVALID", message, field=["input", "documentId"])
    async with writing(info) as transaction:
        (key,) = named_
        model = DocumentRow if key == "document_id" else ProjectRow
        parent: Any = await transaction.find(
            model, values[key], lock=False, field=[key], to_create=db.Baseline
        )
        scopes: Any = scopes_beneath(model, parent)
        baseline = db.Baseline(
            **scopes,
            name=values["name"],
            description=values.get("description"),
            content_hash=b"",
        )
        await transaction.freeze(baseline)
    return answer(BaselinePayload, baseline)  # type: ignore[no-any-return]


def _baselines(key: str, text: str) -> Any:
    return connection(db.Baseline, Baseline, BaselineFilter, BaselineOrder, text, key=key)


def _within(baseline: Any) -> tuple[UUID, Frozen]:
    return baseline.project_id, Frozen(baseline.id)


extend_type(
    Project,
    baselines=_baselines("project_id", "Its baselines, and those of its documents."),
)
extend_type(Document, baselines=_baselines("document_id", "Its baselines."))
extend_type(
    Baseline,
    documents=connection(
        DocumentRow,
        Document,
        DocumentFilter,
        DocumentOrder,
        "The documents it holds, and beneath them what they held.",
        key="project_id",
        by=("position",),
        within=_within,
    ),
    requirements=connection(
        RequirementRow,
        Requirement,
        RequirementFilter,
        RequirementOrder,
        "All requirements that it holds.",
        key="project_id",
        by=("document_id", "position"),
        largest=LARGEST_REQUIREMENTS_PAGE,
        within=_within,
    ),
    items=connection(
        db.BaselineItem,
        BaselineItem,
        BaselineItemFilter,
        BaselineItemOrder,
        "What it holds, as far as the viewer may see it.",
        key="baseline_id",
        by=("entity_type",),
        largest=LARGEST_REQUIREMENTS_PAGE,
    ),
)


@strawberry.type
class Query:
    baseline = by_id(db.Baseline, Baseline, "One baseline.")


@strawberry.type
class Mutation:
    baseline_create = strawberry.mutation(
        baseline_create, description="Freeze what a document or a project holds now, for good."
    )
    baseline_delete = delete(
        db.Baseline, BaselinePayload, "Hide a baseline; what it holds is not touched."
    )
    baseline_restore = restore(db.Baseline, BaselinePayload, "Bring a deleted baseline back.")
