"""Columns: the properties that the table of a block shows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from auth.session.write.db_errors import missing
from db.problem import Problem
from db.requirements import properties as db
from db.requirements.documents import Block as BlockRow
from db.requirements.documents import Document as DocumentRow
from graph.core.people import Authored
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, unrefused
from graph.kit.moving import move, moves
from graph.kit.mutations import create, delete, restore, revert, update
from graph.kit.node import Node
from graph.kit.ordering import put_at_end
from graph.requirements.blocks import Block
from graph.requirements.definitions import definition_of
from graph.requirements.documents import Document
from graph.requirements.properties import Property


@strawberry.type(description="A column of the table of a block, which shows a property.")
class Column(Authored, Node):
    model = db.Column

    position: float = described("The position of the column in the table.")
    width: int | None = described("The width of the column, in pixels.")
    is_hidden: bool = described("Whether the column is hidden.")
    is_pinned: bool = described("Whether the column stays in view when the table is scrolled.")
    default_value: JSON | None = described(
        "The value of the property in new requirements of the block for which none is given."
    )
    organization_id: UUID = described("The ID of the organization of the column.")
    project_id: UUID = described("The ID of the project of the column.")
    document_id: UUID = described("The ID of the document of the column.")
    block_id: UUID = described("The ID of the block of the column.")
    property_id: UUID = described("The ID of the property that the column shows.")
    property: Property | None = to_one(
        "property_id",
        db.Property,
        Property,
        "The property that the column shows; null if it was deleted or the viewer cannot read it.",
    )
    block: Block | None = to_one("block_id", BlockRow, Block, "The block of the column.")
    document: Document | None = to_one(
        "document_id", DocumentRow, Document, "The document of the column."
    )


ColumnFilterInput = filter_input(
    Column,
    "id",
    "block_id",
    "property_id",
    "is_hidden",
    "is_pinned",
    "position",
    "created_at",
    "updated_at",
)
ColumnOrderInput = order_input(Column, "position", "created_at", "updated_at")


@input_for(Column, "A column to create in the table of a block.")
class ColumnCreateInput:
    block_id: UUID
    property_id: UUID
    position: float | None = strawberry.field(
        default=UNSET,
        description="The position of the column in the table. The default is the end.",
    )
    width: int | None = UNSET
    is_hidden: bool | None = UNSET
    is_pinned: bool | None = UNSET
    default_value: JSON | None = UNSET


@input_for(Column, "The fields of a column to change.")
class ColumnUpdateInput:
    width: Maybe[int | None]
    is_hidden: Maybe[bool]
    is_pinned: Maybe[bool]
    default_value: Maybe[JSON | None]


async def _prepare(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Refuse properties that do not apply to the document, and defaults that do not fit them."""
    checked = [item for item in items if not item.id or item.values.get("default_value")]
    ids = {item.row.property_id for item in checked}
    properties = await transaction.find_by_id(db.Property, ids, lock=False)
    for item in checked:
        row, shown = item.row, properties.get(item.row.property_id)
        if shown is None:
            item.refuse(missing(db.Property, ["default_value" if item.id else "property_id"]))
        elif not item.id and not applies(shown, row):
            message = "The property does not apply to the document of the block."
            item.refuse(Problem("INVALID", message, field=["property_id"]))
        elif fault := definition_of(shown).fault_in_default(row.default_value):
            steps, message = fault
            item.refuse(Problem("INVALID", message, field=["default_value", *steps]))


async def _prepare_new(transaction: Transaction, items: Sequence[Item], found: Found) -> None:
    await _prepare(transaction, items, found)
    await put_at_end(transaction, unrefused(items))


def applies(property: db.Property, row: Any) -> bool:
    """Return whether a property is defined for a scope in which the row is."""
    scopes = ("organization_id", "project_id", "document_id")
    return all(getattr(property, key) in (None, getattr(row, key)) for key in scopes)


SHOWN: Any = db.Column.has_property


def _columns(key: str, text: str, by: str) -> Any:
    return connection(
        db.Column,
        Column,
        ColumnFilterInput,
        ColumnOrderInput,
        text,
        key=key,
        by=(by,),
        where=[SHOWN],
    )


extend_type(Block, columns=_columns("block_id", "The columns of the table, in order.", "position"))
extend_type(
    Property,
    columns=_columns("property_id", "The columns that show the property.", "created_at"),
)


@strawberry.type
class Query:
    column = by_id(db.Column, Column, "Look up a column by its ID.")


@strawberry.type
class Mutation:
    column_create = create(
        Column,
        ColumnCreateInput,
        "Create a column, at the end of the table unless it has a position.",
        within=(BlockRow, "block_id"),
        prepare=_prepare_new,
        ordered=True,
    )
    column_update = update(Column, ColumnUpdateInput, "Update a column.", prepare=_prepare)
    column_revert = revert(Column)
    column_move = move(Column, "Move a column within its table.")
    column_delete = delete(Column, "Delete a column. It can be restored.")
    column_restore = restore(Column, "Restore a deleted column.")
    columns_create = creates(
        Column,
        ColumnCreateInput,
        "Create up to 500 columns, in the order of the items.",
        within=(BlockRow, "block_id"),
        prepare=_prepare_new,
        ordered=True,
    )
    columns_update = updates(
        Column, ColumnUpdateInput, "Update up to 500 columns.", prepare=_prepare
    )
    columns_move = moves(
        Column, "Move up to 500 columns, one after the other in the order of the items."
    )
    columns_delete = deletes(Column, "Delete up to 500 columns. They can be restored.")
