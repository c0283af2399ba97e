"""The creation of a whole document in one mutation, with its blocks and requirements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.core.projects import Project
from db.problem import Problem
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from graph.kit.bulk import MAX_ITEMS
from graph.kit.context import Info
from graph.kit.inputs import input_for
from graph.kit.items import Found, Item, create_rows, send_items
from graph.kit.mutations import Input, Place, given, mutation, name_fields, path_of, writing
from graph.kit.ordering import put_at_end
from graph.kit.payloads import answer, payload_of
from graph.requirements.blocks import Block as BlockType
from graph.requirements.documents import Document as DocumentType
from graph.requirements.numbers import NUMBERS
from graph.requirements.property_values import check_new
from graph.requirements.requirements import NestedRequirementInput

MAX_DEPTH = 10
"""The most levels of nested blocks."""

INSIDE = ("blocks", "requirements")
"""The fields of an input that hold other rows."""


@input_for(BlockType, "A block to create within a new document or block, with everything in it.")
class NestedBlockInput:
    name: str
    type: str | None = UNSET
    content: JSON | None = UNSET
    external_id: str | None = UNSET
    blocks: list["NestedBlockInput"] | None = strawberry.field(
        default=UNSET, description="The blocks in the block, in order."
    )
    requirements: list[NestedRequirementInput] | None = strawberry.field(
        default=UNSET, description="The requirements in the block, in order."
    )


@input_for(DocumentType, "A document to create in a project.")
class DocumentCreateInput:
    project_id: UUID
    name: str
    slug: str
    description: str | None = UNSET
    tags: list[str] | None = UNSET
    external_id: str | None = UNSET
    is_template: bool | None = UNSET
    position: float | None = strawberry.field(
        default=UNSET,
        description="The position of the document in its project. The default is the end.",
    )
    blocks: list[NestedBlockInput] | None = strawberry.field(
        default=UNSET, description="The blocks of the document, in order."
    )
    requirements: list[NestedRequirementInput] | None = strawberry.field(
        default=UNSET, description="The requirements outside of any block, which come first."
    )


@dataclass(eq=False)
class Part:
    """A block or requirement of the new document, and its path in the input."""

    model: type[Block | Requirement]
    input: Any
    place: Place
    inside: "Part | None"
    item: Item = field(default_factory=Item)


def parts_of(
    input: Any, place: Place, inside: Part | None = None, depth: int = 0
) -> Iterator[Part]:
    """Yield the contents of a document or block in order: requirements, then blocks, recursively.

    Raises INVALID for blocks that are nested too deep.
    """
    for index, requirement in enumerate(input.requirements or ()):
        yield Part(Requirement, requirement, (*place, "requirements", index), inside)
    for index, block in enumerate(input.blocks or ()):
        part = Part(Block, block, (*place, "blocks", index), inside)
        if depth == MAX_DEPTH:
            message = f"Blocks can be nested at most {MAX_DEPTH} levels deep."
            raise Problem("INVALID", message, field=part.place)
        yield part
        yield from parts_of(block, part.place, part, depth + 1)


async def prepare_documents(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Put documents without a position at the end of their project."""
    await put_at_end(transaction, items)


async def document_create(info: Info, input: Input[DocumentCreateInput]) -> Any:
    document = Item(_said(input, ("input",)))
    parts = list(parts_of(input, ("input",)))
    if len(parts) > MAX_ITEMS:
        message = f"At most {MAX_ITEMS} blocks and requirements."
        raise Problem("INVALID", message, field=["input"])
    for part in parts:
        part.item = Item(_said(part.input, part.place))
    async with writing(info) as transaction:
        question = NUMBERS.question([input.project_id]) if parts else None
        within = (Project, "project_id")
        is_numbered = await create_rows(
            transaction, Document, within, [document], prepare_documents, question=question
        )
        row = document.require()
        if not parts:
            transaction.add(row)
        else:
            await send_items(transaction, [document])
            document.require()
            await _send(transaction, row, parts, is_numbered=is_numbered)
    return answer(payload_of(DocumentType), row)


async def _send(
    transaction: Transaction, document: Document, parts: Sequence[Part], *, is_numbered: bool
) -> None:
    """Send the parts, numbered in their order; raise the first refusal, with its path."""
    scopes = scopes_beneath(Document, document)
    numbers: dict[type[Block | Requirement], int] = {}
    for part in parts:
        model = part.model
        numbers[model] = numbers.get(model, 0) + 1
        above = part.inside.item.row.id if part.inside else None
        key = "parent_id" if model is Block else "block_id"
        place = {key: above, "position": float(numbers[model])}
        part.item.row = model(**{**scopes, **part.item.values, **place})
    new = [part.item for part in parts if part.model is Requirement]
    with transaction.unsent():
        await check_new(transaction, new)
    left = [part.item for part in parts if not part.item.problem]
    nameless = [item.row for item in new if item.row.external_id is None and not item.problem]
    if is_numbered and nameless:
        await NUMBERS.give(transaction, nameless)
    await send_items(transaction, left)
    for part in parts:
        if problem := part.item.problem:
            name_fields(problem, part.place, None)
            raise Problem(problem.code, problem.message, field=path_of(problem))


def _said(input: Any, place: Place) -> dict[str, Any]:
    """Return the columns of the row itself."""
    values = given(input, place)
    return {name: value for name, value in values.items() if name not in INSIDE}


@strawberry.type
class Mutation:
    document_create = mutation(
        document_create,
        payload_of(DocumentType),
        f"Create a document with up to {MAX_ITEMS} blocks and requirements, all or nothing.",
    )
