"""Blocks: the headings, texts and tables that a document is made of."""

from collections.abc import Sequence
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from auth.session.write.db_errors import missing
from db.requirements import documents as db
from graph.core.people import Authored
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.fields import by_id, described, extend_type, to_one
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
from graph.requirements.change_sets.overlay import in_change_set
from graph.requirements.documents import Document
from graph.requirements.following import followers


@strawberry.type(
    description="A part of a document: a heading, a text or a table. Blocks can be nested."
)
class Block(Authored, Node):
    model = db.Block

    type: str = described("The kind of block, such as `heading`, `text` or `table`.")
    name: str = described("The title of the block.")
    position: float = described("The position of the block in its document.")
    content: JSON = described("The content of the block, in the format of the front end.")
    external_id: str | None = described("The identifier of the block in another system.")
    organization_id: UUID = described("The ID of the organization of the block.")
    project_id: UUID = described("The ID of the project of the block.")
    document_id: UUID = described("The ID of the document of the block.")
    parent_id: UUID | None = described("The ID of the block that contains the block.")
    document: Document | None = to_one(
        "document_id", db.Document, Document, "The document of the block."
    )


BlockFilterInput = filter_input(
    Block,
    "id",
    "document_id",
    "parent_id",
    "type",
    "name",
    "external_id",
    "position",
    "created_at",
    "updated_at",
)
BlockOrderInput = order_input(Block, "position", "name", "type", "created_at", "updated_at")


@input_for(Block, "A block to create in a document.")
class BlockCreateInput:
    document_id: UUID
    name: str
    type: str | None = UNSET
    parent_id: UUID | None = UNSET
    position: float | None = strawberry.field(
        default=UNSET,
        description="The position of the block in its document. The default is the end.",
    )
    content: JSON | None = UNSET
    external_id: str | None = UNSET


@input_for(Block, "The fields of a block to change.")
class BlockUpdateInput:
    name: Maybe[str]
    type: Maybe[str]
    content: Maybe[JSON]
    content_patch: Maybe[JSON] = patch("content")
    external_id: Maybe[str | None]


@strawberry.input(
    description="The place of a block: a document, a block in it, and a place among the others."
)
class BlockPlaceInput:
    document_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the document. The default is the current document.",
    )
    parent_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the parent block, or null for none. The default is the current"
        " parent within the same document, and none in another document.",
    )
    at: PlacementInput | None = strawberry.field(
        default=None,
        description="Where to place it among the others. The default is the end of the document.",
    )


async def prepare_blocks(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Refuse parents outside of the document, and put blocks without a position at the end."""
    ids = {item.row.parent_id for item in items if item.row.parent_id}
    parents = await transaction.find_by_id(db.Block, ids, lock=False)
    for item in items:
        parent_id = item.row.parent_id
        if parent_id and parent_id not in parents:
            item.refuse(missing(db.Block, ["parent_id"]))
        elif parent_id and parents[parent_id].document_id != item.row.document_id:
            item.refuse(elsewhere(db.Block, db.Document, ["parent_id"]))
    await put_at_end(transaction, unrefused(items))


extend_type(
    Document,
    blocks=connection(
        db.Block,
        Block,
        BlockFilterInput,
        BlockOrderInput,
        "The blocks of the document, in order.",
        key="document_id",
        by=("position",),
    ),
)
extend_type(
    Block,
    parent=to_one("parent_id", db.Block, Block, "The block that contains the block."),
    children=connection(
        db.Block,
        Block,
        BlockFilterInput,
        BlockOrderInput,
        "The blocks in the block, in order.",
        key="parent_id",
        by=("position",),
    ),
)


@strawberry.type
class Query:
    block = by_id(db.Block, Block, "Look up a block by its ID.", proposed=in_change_set)


@strawberry.type
class Mutation:
    block_create = create(
        Block,
        BlockCreateInput,
        "Create a block, at the end of its document unless it has a position.",
        within=(db.Document, "document_id"),
        prepare=prepare_blocks,
        ordered=True,
    )
    block_update = update(Block, BlockUpdateInput, "Update a block.")
    block_revert = revert(Block)
    block_move = move(
        Block,
        "Move a block within its document or, with everything in it, to another document of the"
        " organization.",
        place=BlockPlaceInput,
        follow=followers,
    )
    block_delete = delete(
        Block, "Delete a block with the blocks and requirements in it. It can be restored."
    )
    block_restore = restore(Block, "Restore a deleted block with everything in it.")
    blocks_create = creates(
        Block,
        BlockCreateInput,
        "Create up to 500 blocks, in the order of the items.",
        within=(db.Document, "document_id"),
        prepare=prepare_blocks,
        ordered=True,
    )
    blocks_update = updates(Block, BlockUpdateInput, "Update up to 500 blocks.")
    blocks_move = moves(
        Block,
        "Move up to 500 blocks, one after the other in the order of the items.",
        place=BlockPlaceInput,
        follow=followers,
    )
    blocks_delete = deletes(
        Block,
        "Delete up to 500 blocks with the blocks and requirements in them. They can be restored.",
    )
