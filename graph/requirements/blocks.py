"""Blocks: the headings, texts and tables that a document is made of."""

from collections.abc import Sequence
from enum import Enum
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from auth.session.refusal import missing, stale
from db.problem import Problem
from db.requirements import documents as db
from db.requirements.documents import documents_with, with_those_above
from graph.core.people import Authored
from graph.kit.bulk import BulkPayload, BulkResult, creates, deletes, updates
from graph.kit.connection import Direction, connection
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.filters import DateTimeFilter, FloatFilter, StringFilter, UUIDFilter, named
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
from graph.requirements.documents import Document
from graph.requirements.moving import move, moves
from graph.requirements.ordering import put_at_end


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


@strawberry.type
class BlockResult(BulkResult):
    block: Block | None = described("The row as written; null when it was refused.")


@strawberry.type
class BlocksPayload(BulkPayload):
    results: list[BlockResult]


@strawberry.input
class BlocksMoveItem:
    id: UUID
    expected_version: BigInt
    place_at: BlockPlace


@strawberry.input
class BlocksUpdateItem:
    id: UUID
    expected_version: BigInt
    input: BlockUpdate
    force: bool = False


async def prepare_blocks(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """New blocks stand in blocks of their documents, and at the end unless they say where."""
    ids = {item.row.parent_id for item in items if item.row.parent_id}
    parents = await transaction.find_by_id(db.Block, ids, lock=False)
    for item in items:
        if item.row.parent_id:
            _require_parent(item, parents)
    await put_at_end(transaction, unrefused(items))


async def _find_with_parents(transaction: Transaction, items: Sequence[Item]) -> Found:
    """The blocks, and all above those that they are to stand in.

    Their documents are locked first, so that who gives blocks another place takes turns with those
    who move: blocks that go into each other at once would make a circle.
    """
    ids = [item.id for item in items if item.id]
    if not any(item.values.keys() & {"parent_id", "position"} for item in items):
        return await transaction.find_by_id(db.Block, ids)
    within = db.Document.id.in_(documents_with(db.Block, ids))
    documents = await transaction.find_all(db.Document, within)
    parents = [item.values["parent_id"] for item in items if item.values.get("parent_id")]
    wanted = db.Block.id.in_(with_those_above([*ids, *parents]))
    found = await transaction.find_all(db.Block, wanted)
    blocks = {block.id: block for block in found}
    locked = {document.id for document in documents}
    for item in items:
        block = blocks.get(item.id) if item.id else None
        if block and block.document_id not in locked:
            item.refuse(stale(block))  # it has been moved to another document meanwhile
    return blocks


async def _require_no_circle(_: Transaction, items: Sequence[Item], found: Found) -> None:
    """A block stands in a block of its document, and not beneath itself."""
    above = {id: block.parent_id for id, block in found.items() if isinstance(block, db.Block)}
    moved = [item for item in items if "parent_id" in item.values]
    above |= {item.row.id: item.before["parent_id"] for item in moved}
    for item in moved:
        block = item.row
        if block.parent_id:
            _require_parent(item, found)
            at = block.parent_id
            while at is not None and at != block.id:
                at = above.get(at)
            if at == block.id:
                item.refuse(_outside())
        if not item.problem:
            above[block.id] = block.parent_id


def _require_parent(item: Item, known: Found) -> None:
    parent = known.get(item.row.parent_id)
    if not isinstance(parent, db.Block):
        item.refuse(missing(db.Block, ["parent_id"]))
    elif parent.document_id != item.row.document_id:
        item.refuse(_outside())


def _outside() -> Problem:
    message = "A block stands in another block of its document, not in itself."
    return Problem("INVALID", message, field=["parent_id"])


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
        prepare=prepare_blocks,
        ordered=True,
    )
    block_update = update(
        db.Block,
        BlockPayload,
        BlockUpdate,
        "Change a block.",
        prepare=_require_no_circle,
        find=_find_with_parents,
    )
    block_revert = revert(db.Block, BlockPayload)
    block_move = move(
        db.Block,
        BlockPayload,
        BlockPlace,
        "Put a block elsewhere in its document, or, with all that stands in it, in another one of"
        " its organization.",
    )
    block_delete = delete(
        db.Block, BlockPayload, "Delete a block, and hide the blocks and requirements in it."
    )
    block_restore = restore(db.Block, BlockPayload, "Bring a deleted block back.")
    blocks_create = creates(
        db.Block,
        BlocksPayload,
        BlockCreate,
        "New blocks, in the order of the input.",
        within=(db.Document, "document_id"),
        prepare=prepare_blocks,
        ordered=True,
    )
    blocks_update = updates(
        db.Block,
        BlocksPayload,
        BlocksUpdateItem,
        "Change blocks.",
        prepare=_require_no_circle,
        find=_find_with_parents,
    )
    blocks_move = moves(
        db.Block,
        BlocksPayload,
        BlocksMoveItem,
        "Move blocks, in the order of the input: a later one may name an earlier one.",
    )
    blocks_delete = deletes(
        db.Block, BlocksPayload, "Delete blocks, and hide the blocks and requirements in them."
    )
