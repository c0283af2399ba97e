"""Requirements: the statements of a document, each of them verifiable."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from auth.session.write.db_errors import missing
from db.core.projects import Project as ProjectRow
from db.requirements import requirements as db
from db.requirements.documents import Block as BlockRow
from db.requirements.documents import Document as DocumentRow
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, unrefused
from graph.kit.moving import move, moves
from graph.kit.mutations import (
    create,
    delete,
    patch,
    restore,
    revert,
    update,
)
from graph.kit.node import Node
from graph.kit.ordering import PlacementInput, elsewhere, put_at_end
from graph.requirements.blocks import Block
from graph.requirements.change_sets.overlay import in_change_set
from graph.requirements.coverage_filters import CoverageFilterInput
from graph.requirements.documents import Document
from graph.requirements.following import followers
from graph.requirements.numbers import NUMBERS
from graph.requirements.property_filters import PropertyValueFilterInput, PropertyValueOrderInput
from graph.requirements.property_values import check_changed, check_new
from graph.requirements.quality.filters import QualityFilterInput
from graph.requirements.requirement_types import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)

MAX_REQUIREMENTS_PAGE_SIZE = 1_000
"""The most requirements on one page: as many as a table shows at once."""


@strawberry.type(description="A single, verifiable statement of what a product must satisfy.")
class Requirement(Authored, Node):
    model = db.Requirement

    external_id: str | None = described(
        "The identifier of the requirement in another system, unique within the document."
    )
    name: str = described("The title of the requirement.")
    description: str | None = described("The text of the requirement.")
    status: RequirementStatus = described("The lifecycle status of the requirement.")
    format: RequirementFormat = described("The notation in which the requirement is written.")
    priority: RequirementPriority = described("The priority of the requirement.")
    level: RequirementLevel = described(
        "The level of the product to which the requirement applies."
    )
    position: float = described("The position of the requirement in its document.")
    tags: list[str] = described("The tags of the requirement.")
    original_requirement: str | None = described("The wording of the requirement in its source.")
    enhanced_requirement: str | None = described(
        "The wording that a language model or a client has proposed; `enhancement` has its state."
    )
    properties: JSON = described("The custom properties of the requirement, by name.")
    organization_id: UUID = described("The ID of the organization of the requirement.")
    project_id: UUID = described("The ID of the project of the requirement.")
    document_id: UUID = described("The ID of the document of the requirement.")
    block_id: UUID | None = described("The ID of the block that contains the requirement.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the requirement."
    )
    document: Document | None = to_one(
        "document_id", DocumentRow, Document, "The document of the requirement."
    )
    block: Block | None = to_one(
        "block_id", BlockRow, Block, "The block that contains the requirement."
    )

    @computed(
        "ai_analysis",
        text="The latest analysis as it is stored; `quality` has the same in typed fields. Empty in"
        " a past state, and for a share.",
    )
    def ai_analysis(root: strawberry.Parent[Any], info: Info) -> JSON:  # noqa: N805
        return {} if info.context.viewer.shared else root.ai_analysis  # type: ignore[no-any-return]


RequirementFilterInput = filter_input(
    Requirement,
    "id",
    "project_id",
    "document_id",
    "block_id",
    "external_id",
    "name",
    "description",
    "status",
    "format",
    "priority",
    "level",
    "position",
    "tags",
    "properties",
    "created_by",
    "created_at",
    "updated_at",
    more={
        "property": (
            PropertyValueFilterInput,
            "Filters by the values of properties. All must match.",
        ),
        "coverage": (
            CoverageFilterInput,
            "Filters by coverage by trace links. All must match.",
        ),
        "quality": (
            QualityFilterInput,
            "Filters by the findings of the latest analysis.",
        ),
    },
)
RequirementOrderInput = order_input(
    Requirement,
    "position",
    "external_id",
    "name",
    "status",
    "priority",
    "level",
    "created_at",
    "updated_at",
    more={
        "property": (
            PropertyValueOrderInput,
            "The property to sort by, in place of `by`. Objects without a value come last.",
        )
    },
)


@input_for(Requirement, "A requirement to create within a new document or block.")
class NestedRequirementInput:
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


@input_for(Requirement, "A requirement to create in a document.")
class RequirementCreateInput(NestedRequirementInput):
    document_id: UUID
    block_id: UUID | None = UNSET
    position: float | None = strawberry.field(
        default=UNSET,
        description="The position of the requirement in its document. The default is the end.",
    )


@input_for(Requirement, "The fields of a requirement to change.")
class RequirementUpdateInput:
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
    properties_patch: Maybe[JSON] = patch("properties")


@strawberry.input(
    description="The place of a requirement: a document, a block in it, and a place among the"
    " others."
)
class RequirementPlaceInput:
    document_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the document. The default is the current document.",
    )
    block_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the block, or null for no block. The default is the current block"
        " within the same document, and no block in another document.",
    )
    at: PlacementInput | None = strawberry.field(
        default=None,
        description="Where to place it among the others. The default is the end of the document.",
    )


async def prepare_requirements(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Refuse blocks in other documents, and put requirements without a position at the end."""
    ids = {item.row.block_id for item in items if item.row.block_id}
    blocks = await transaction.find_by_id(BlockRow, ids, lock=False)
    for item in items:
        block_id = item.row.block_id
        if block_id and block_id not in blocks:
            item.refuse(missing(BlockRow, ["block_id"]))
        elif block_id and blocks[block_id].document_id != item.row.document_id:
            item.refuse(elsewhere(BlockRow, DocumentRow, ["block_id"]))
    await check_new(transaction, unrefused(items))
    await put_at_end(transaction, unrefused(items))


async def prepare_changed_requirements(
    transaction: Transaction, items: Sequence[Item], _: Found
) -> None:
    """Refuse values of properties that do not fit."""
    await check_changed(transaction, items)


def _requirements(key: str, text: str) -> Any:
    return connection(
        db.Requirement,
        Requirement,
        RequirementFilterInput,
        RequirementOrderInput,
        text,
        key=key,
        by=("document_id", "position") if key == "project_id" else ("position",),
        largest=MAX_REQUIREMENTS_PAGE_SIZE,
    )


extend_type(Project, requirements=_requirements("project_id", "The requirements of the project."))
extend_type(
    Document,
    requirements=_requirements("document_id", "The requirements of the document, in order."),
)
extend_type(
    Block, requirements=_requirements("block_id", "The requirements in the block, in order.")
)


@strawberry.type
class Query:
    requirement = by_id(
        db.Requirement, Requirement, "Look up a requirement by its ID.", proposed=in_change_set
    )
    requirements = connection(
        db.Requirement,
        Requirement,
        RequirementFilterInput,
        RequirementOrderInput,
        "List requirements that the viewer can read. A page has at most 100 requirements, or 1,000"
        " when the filter names one document, block or project.",
        largest=MAX_REQUIREMENTS_PAGE_SIZE,
        narrowed=("document_id", "project_id", "block_id"),
    )


@strawberry.type
class Mutation:
    requirement_create = create(
        Requirement,
        RequirementCreateInput,
        "Create a requirement, at the end of its document unless it has a position.",
        within=(DocumentRow, "document_id"),
        prepare=prepare_requirements,
        numbering=NUMBERS,
        ordered=True,
    )
    requirement_update = update(
        Requirement,
        RequirementUpdateInput,
        "Update a requirement.",
        prepare=prepare_changed_requirements,
    )
    requirement_move = move(
        Requirement,
        "Move a requirement within its document, or to another document of the organization.",
        place=RequirementPlaceInput,
        follow=followers,
    )
    requirement_revert = revert(Requirement)
    requirement_delete = delete(Requirement, "Delete a requirement. It can be restored.")
    requirement_restore = restore(Requirement, "Restore a deleted requirement.")
    requirements_create = creates(
        Requirement,
        RequirementCreateInput,
        "Create up to 500 requirements, in the order of the items.",
        within=(DocumentRow, "document_id"),
        prepare=prepare_requirements,
        numbering=NUMBERS,
        ordered=True,
    )
    requirements_update = updates(
        Requirement,
        RequirementUpdateInput,
        "Update up to 500 requirements.",
        prepare=prepare_changed_requirements,
    )
    requirements_move = moves(
        Requirement,
        "Move up to 500 requirements, one after the other in the order of the items.",
        place=RequirementPlaceInput,
        follow=followers,
    )
    requirements_delete = deletes(
        Requirement, "Delete up to 500 requirements. They can be restored."
    )
