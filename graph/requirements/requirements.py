"""Requirements: what a document asks for, one verifiable statement at a time."""

from collections.abc import Sequence
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from auth.session.refusal import missing
from db.core.projects import Project as ProjectRow
from db.requirements import requirements as db
from db.requirements.documents import Block as BlockRow
from db.requirements.documents import Document as DocumentRow
from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.bulk import BulkPayload, BulkResult, creates, deletes, updates
from graph.kit.connection import LARGEST_REQUIREMENTS_PAGE, Direction, connection
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.filters import (
    DateTimeFilter,
    Filter,
    FloatFilter,
    PathFilter,
    StringFilter,
    TagsFilter,
    UUIDFilter,
    named,
)
from graph.kit.items import Found, Item, unrefused
from graph.kit.mutations import (
    Payload,
    create,
    delete,
    restore,
    revert,
    update,
)
from graph.kit.node import Node
from graph.kit.scalars import BigInt
from graph.requirements.blocks import Block
from graph.requirements.documents import Document
from graph.requirements.moving import move, moves
from graph.requirements.ordering import elsewhere, put_at_end

strawberry.enum(RequirementStatus, description="Where it is in its life.")
strawberry.enum(RequirementFormat, description="How it is worded.")
strawberry.enum(RequirementPriority, description="How much depends on it, least first.")
strawberry.enum(
    RequirementLevel, description="At which level of the product it stands, widest first."
)


@strawberry.type(description="One statement that a product must satisfy and that can be verified.")
class Requirement(Authored, Node):
    model = db.Requirement

    external_id: str | None = described("Its name in another system, unique in its document.")
    name: str = described("Its title.")
    description: str | None = described("The statement itself.")
    status: RequirementStatus = described("Where it is in its life.")
    format: RequirementFormat = described("How it is worded.")
    priority: RequirementPriority = described("How much depends on it.")
    level: RequirementLevel = described("At which level of the product it stands.")
    position: float = described("Its place in the document, and so in its block.")
    tags: list[str] = described("Words to find it by.")
    original_requirement: str | None = described("The wording of its source.")
    enhanced_requirement: str | None = described("A wording proposed by analysis.")
    ai_analysis: JSON = described("What analysis found.")
    properties: JSON = described("Custom fields, by name.")
    organization_id: UUID = described("The organization it belongs to.")
    project_id: UUID = described("The project it belongs to.")
    document_id: UUID = described("The document it belongs to.")
    block_id: UUID | None = described("The block it stands in.")
    project: Project | None = to_one("project_id", ProjectRow, Project, "Its project.")
    document: Document | None = to_one("document_id", DocumentRow, Document, "Its document.")
    block: Block | None = to_one("block_id", BlockRow, Block, "The block it stands in.")


@strawberry.input
class RequirementFilter:
    id: UUIDFilter | None = UNSET
    project_id: UUIDFilter | None = UNSET
    document_id: UUIDFilter | None = UNSET
    block_id: UUIDFilter | None = UNSET
    external_id: StringFilter | None = UNSET
    name: StringFilter | None = UNSET
    description: StringFilter | None = UNSET
    status: Filter[RequirementStatus] | None = UNSET
    format: Filter[RequirementFormat] | None = UNSET
    priority: Filter[RequirementPriority] | None = UNSET
    level: Filter[RequirementLevel] | None = UNSET
    position: FloatFilter | None = UNSET
    tags: TagsFilter | None = UNSET
    properties: list[PathFilter] | None = UNSET
    created_by: UUIDFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    updated_at: DateTimeFilter | None = UNSET
    and_: list["RequirementFilter"] | None = named("and")
    or_: list["RequirementFilter"] | None = named("or")
    not_: "RequirementFilter | None" = named("not")


@strawberry.enum
class RequirementSort(Enum):
    POSITION = "position"
    EXTERNAL_ID = "external_id"
    NAME = "name"
    STATUS = "status"
    PRIORITY = "priority"
    LEVEL = "level"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class RequirementOrder:
    by: RequirementSort
    direction: Direction = Direction.ASC


@strawberry.input(description="A new requirement, in its place by where it is said.")
class NestedRequirement:
    name: str
    external_id: str | None = UNSET
    description: str | None = UNSET
    status: RequirementStatus = RequirementStatus.DRAFT
    format: RequirementFormat = RequirementFormat.NATURAL_LANGUAGE
    priority: RequirementPriority = RequirementPriority.MEDIUM
    level: RequirementLevel = RequirementLevel.SYSTEM
    tags: list[str] | None = UNSET
    original_requirement: str | None = UNSET
    enhanced_requirement: str | None = UNSET
    properties: JSON | None = UNSET


@strawberry.input(description="A new requirement of a document.")
class RequirementCreate(NestedRequirement):
    document_id: UUID
    block_id: UUID | None = UNSET
    position: float | None = UNSET


@strawberry.input
class RequirementUpdate:
    external_id: Maybe[str | None]
    name: Maybe[str]
    description: Maybe[str | None]
    status: Maybe[RequirementStatus]
    format: Maybe[RequirementFormat]
    priority: Maybe[RequirementPriority]
    level: Maybe[RequirementLevel]
    tags: Maybe[list[str]]
    original_requirement: Maybe[str | None]
    enhanced_requirement: Maybe[str | None]
    properties: Maybe[JSON]


@strawberry.input(description="Where to: after or before another one, or at the start or the end.")
class RequirementPlace:
    document_id: UUID | None = strawberry.field(
        default=UNSET, description="The document; where it is, unless given."
    )
    block_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The block; null for none. Unless given the one it is in, and in another"
        " document none.",
    )
    after: UUID | None = strawberry.field(
        default=UNSET, description="Right after this one, which is in the block that is given."
    )
    before: UUID | None = strawberry.field(
        default=UNSET, description="Right before this one, which is in the block that is given."
    )
    first: bool = strawberry.field(default=False, description="At the start of the document.")
    last: bool = strawberry.field(default=False, description="At its end, as when nothing is said.")


@strawberry.type
class RequirementPayload(Payload):
    requirement: Requirement


@strawberry.type
class RequirementResult(BulkResult):
    requirement: Requirement | None = described("The row as written; null when it was refused.")


@strawberry.type
class RequirementsPayload(BulkPayload):
    results: list[RequirementResult]


@strawberry.input
class RequirementsMoveItem:
    id: UUID
    expected_version: BigInt
    place_at: RequirementPlace


@strawberry.input
class RequirementsUpdateItem:
    id: UUID
    expected_version: BigInt
    input: RequirementUpdate
    force: bool = False


async def _prepare(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """New requirements stand in blocks of their documents, and at the end unless they say where."""
    ids = {item.row.block_id for item in items if item.row.block_id}
    blocks = await transaction.find_by_id(BlockRow, ids, lock=False)
    for item in items:
        block_id = item.row.block_id
        if block_id and block_id not in blocks:
            item.refuse(missing(BlockRow, ["block_id"]))
        elif block_id and blocks[block_id].document_id != item.row.document_id:
            item.refuse(elsewhere(["block_id"]))
    await put_at_end(transaction, unrefused(items))


def _requirements(key: str, text: str) -> Any:
    return connection(
        db.Requirement,
        Requirement,
        RequirementFilter,
        RequirementOrder,
        text,
        key=key,
        by=("document_id", "position") if key == "project_id" else ("position",),
        largest=LARGEST_REQUIREMENTS_PAGE,
    )


extend_type(Project, requirements=_requirements("project_id", "All requirements beneath it."))
extend_type(Document, requirements=_requirements("document_id", "Its requirements, in order."))
extend_type(Block, requirements=_requirements("block_id", "The requirements in it, in order."))


@strawberry.type
class Query:
    requirement = by_id(db.Requirement, Requirement, "One requirement.")
    requirements = connection(
        db.Requirement,
        Requirement,
        RequirementFilter,
        RequirementOrder,
        "The requirements the viewer may see; up to 1,000 a page within one document or project.",
        largest=LARGEST_REQUIREMENTS_PAGE,
        narrowed=("document_id", "project_id", "block_id"),
    )


@strawberry.type
class Mutation:
    requirement_create = create(
        db.Requirement,
        RequirementPayload,
        RequirementCreate,
        "A new requirement, at the end of its document unless it has a position.",
        within=(DocumentRow, "document_id"),
        prepare=_prepare,
        ordered=True,
    )
    requirement_update = update(
        db.Requirement, RequirementPayload, RequirementUpdate, "Change a requirement."
    )
    requirement_move = move(
        db.Requirement,
        RequirementPayload,
        RequirementPlace,
        "Put a requirement elsewhere in its document, or in another one of its organization.",
    )
    requirement_revert = revert(db.Requirement, RequirementPayload)
    requirement_delete = delete(db.Requirement, RequirementPayload, "Delete a requirement.")
    requirement_restore = restore(
        db.Requirement, RequirementPayload, "Bring a deleted requirement back."
    )
    requirements_create = creates(
        db.Requirement,
        RequirementsPayload,
        RequirementCreate,
        "New requirements, in the order of the input.",
        within=(DocumentRow, "document_id"),
        prepare=_prepare,
        ordered=True,
    )
    requirements_update = updates(
        db.Requirement, RequirementsPayload, RequirementsUpdateItem, "Change requirements."
    )
    requirements_move = moves(
        db.Requirement,
        RequirementsPayload,
        RequirementsMoveItem,
        "Move requirements, in the order of the input: a later one may name an earlier one.",
    )
    requirements_delete = deletes(db.Requirement, RequirementsPayload, "Delete requirements.")
