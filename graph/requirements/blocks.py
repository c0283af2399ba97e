"""Blocks: the headings, texts and tables that a document is made of."""

from collections.abc import Mapping
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from db.problem import Problem
from db.requirements import documents as db
from graph.core.people import Authored
from graph.kit.connection import Direction, connection
from graph.kit.context import Info
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.filters import DateTimeFilter, FloatFilter, StringFilter, UUIDFilter, named
from graph.kit.mutations import (
    ExpectedVersion,
    Id,
    Payload,
    answer,
    create,
    delete,
    restore,
    revert,
    update,
    writing,
)
from graph.kit.node import Node
from graph.requirements.documents import Document
from graph.requirements.moving import move
from graph.requirements.ordering import at_end, place_of


@strawberry.type(description="A heading, a text, or a table of requirements. Blocks may nest.")
class Block(Authored, Node):
    model = db.Block

    type: str = described("What kind of block it is, such as heading, text or table.")
    name: str = described("Its title.")
    position: float = described("Its place among the document's blocks.")
    content: JSON = described("What it shows, in the front end's own form.")
    external_id: str | None = described("Its name in another system.")
    organization_id: UUID = described("The organization it belongs to.")
    project_id: UUID = described("The project it belongs to.")
    document_id: UUID = described("The document it belongs to.")
    parent_id: UUID | None = described("The block it stands in.")
    document: Document | None = to_one("document_id", db.Document, Document, "Its document.")


@strawberry.input
class BlockFilter:
    id: UUIDFilter | None = UNSET
    document_id: UUIDFilter | None = UNSET
    parent_id: UUIDFilter | None = UNSET
    type: StringFilter | None = UNSET
    name: StringFilter | None = UNSET
    external_id: StringFilter | None = UNSET
    position: FloatFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    updated_at: DateTimeFilter | None = UNSET
    and_: list["BlockFilter"] | None = named("and")
    or_: list["BlockFilter"] | None = named("or")
    not_: "BlockFilter | None" = named("not")


@strawberry.enum
class BlockSort(Enum):
    POSITION = "position"
    NAME = "name"
    TYPE = "type"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class BlockOrder:
    by: BlockSort
    direction: Direction = Direction.ASC


@strawberry.input
class BlockCreate:
    document_id: UUID
    name: str
    type: str | None = UNSET
    parent_id: UUID | None = UNSET
    position: float | None = UNSET
    content: JSON | None = UNSET
    external_id: str | None = UNSET


@strawberry.input
class BlockUpdate:
    name: Maybe[str]
    type: Maybe[str]
    parent_id: Maybe[UUID | None]
    position: Maybe[float]
    content: Maybe[JSON]
    external_id: Maybe[str | None]


@strawberry.input(description="Where to: after or before another one, or at the start or the end.")
class BlockPlace:
    document_id: UUID | None = strawberry.field(
        default=UNSET, description="The document; where it is, unless given."
    )
    parent_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The block to stand in; null for none. Unless given the one it is in, and in"
        " another document none.",
    )
    after: UUID | None = strawberry.field(
        default=UNSET, description="Right after this one, which is in the parent that is given."
    )
    before: UUID | None = strawberry.field(
        default=UNSET, description="Right before this one, which is in the parent that is given."
    )
    first: bool = strawberry.field(default=False, description="At the start of the document.")
    last: bool = strawberry.field(default=False, description="At its end, as when nothing is said.")


@strawberry.type
class BlockPayload(Payload):
    block: Block


async def _prepare(transaction: Transaction, block: db.Block, values: Mapping[str, Any]) -> None:
    if values.get("parent_id"):
        await _require_parent(transaction, block)
    if not block.version and "position" not in values:
        block.position = await at_end(transaction, db.Block, block.document_id)


async def _require_parent(transaction: Transaction, block: db.Block) -> None:
    """The parent is in the same document, and not beneath the block itself.

    The document is locked: two blocks that move into each other at once would make a circle.
    """
    await transaction.find(db.Document, block.document_id)
    above = block.parent_id
    while above is not None:
        parent = await transaction.find(db.Block, above, lock=False, field=["parent_id"])
        if parent.document_id != block.document_id or parent.id == block.id:
            message = "A block stands in another block of its document, not in itself."
            raise Problem("INVALID", message, field=["parent_id"])
        above = parent.parent_id


async def block_move(
    info: Info, id: Id, expected_version: ExpectedVersion, place_at: BlockPlace
) -> BlockPayload | None:
    async with writing(info, None) as transaction:
        to = place_of(db.Block, place_at)
        row = await move(transaction, db.Block, id, expected_version, to)
    versions = transaction.merged.get(row.id, ())
    return await answer(info, BlockPayload, row, versions)  # type: ignore[no-any-return]


extend_type(
    Document,
    blocks=connection(
        db.Block, Block, BlockFilter, BlockOrder, "Its blocks.", key="document_id", by=("position",)
    ),
)
extend_type(
    Block,
    parent=to_one("parent_id", db.Block, Block, "The block it stands in."),
    children=connection(
        db.Block,
        Block,
        BlockFilter,
        BlockOrder,
        "The blocks that stand in it.",
        key="parent_id",
        by=("position",),
    ),
)


@strawberry.type
class Query:
    block = by_id(db.Block, Block, "One block.")


@strawberry.type
class Mutation:
    block_create = create(
        db.Block,
        BlockPayload,
        BlockCreate,
        "A new block, at the end of its document unless it has a position.",
        within=(db.Document, "document_id"),
        prepare=_prepare,
    )
    block_update = update(db.Block, BlockPayload, BlockUpdate, "Change a block.", prepare=_prepare)
    block_revert = revert(db.Block, BlockPayload)
    block_move = strawberry.mutation(
        block_move,
        description="Put a block elsewhere in its document, or, with all that stands in it, in"
        " another one of its organization.",
    )
    block_delete = delete(
        db.Block, BlockPayload, "Delete a block, and hide the blocks and requirements in it."
    )
    block_restore = restore(db.Block, BlockPayload, "Bring a deleted block back.")
