"""A whole document in one mutation: its blocks, the blocks in them, and the requirements in all."""

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
from graph.kit.bulk import MOST_ITEMS
from graph.kit.context import Info
from graph.kit.items import Item, create_rows, send_items
from graph.kit.mutations import Place, answer, given, name_fields, path_of, writing
from graph.requirements.documents import DocumentPayload
from graph.requirements.requirements import NestedRequirement

DEEPEST = 10
"""Levels of blocks that stand in each other."""

INSIDE = ("blocks", "requirements")
"""The fields of an input that hold other rows."""


@strawberry.input(description="A new block with what stands in it, in its order.")
class NestedBlock:
    name: str
    type: str | None = UNSET
    content: JSON | None = UNSET
    external_id: str | None = UNSET
    blocks: list["NestedBlock"] | None = UNSET
    requirements: list[NestedRequirement] | None = UNSET


@strawberry.input
class DocumentCreate:
    project_id: UUID
    name: str
    slug: str
    description: str | None = UNSET
    tags: list[str] | None = UNSET
    external_id: str | None = UNSET
    position: float | None = UNSET
    blocks: list[NestedBlock] | None = strawberry.field(
        default=UNSET, description="Its blocks, in their order, with what stands in them."
    )
    requirements: list[NestedRequirement] | None = strawberry.field(
        default=UNSET, description="Its requirements in no block; they come first."
    )


@dataclass(eq=False)
class Part:
    """A block or requirement of the new document, and where the client has said it."""

    model: type[Block | Requirement]
    input: Any
    place: Place
    inside: "Part | None"
    item: Item = field(default_factory=Item)


def parts_of(
    input: Any, place: Place, inside: Part | None = None, depth: int = 0
) -> Iterator[Part]:
    """What is in a document or block, in order: requirements, then blocks, each with its own."""
    for index, requirement in enumerate(input.requirements or ()):
        yield Part(Requirement, requirement, (*place, "requirements", index), inside)
    for index, block in enumerate(input.blocks or ()):
        part = Part(Block, block, (*place, "blocks", index), inside)
        if depth == DEEPEST:
            message = f"Blocks stand in each other {DEEPEST} deep at most."
            raise Problem("INVALID", message, field=part.place)
        yield part
        yield from parts_of(block, part.place, part, depth + 1)


async def document_create(info: Info, input: DocumentCreate) -> DocumentPayload | None:
    document = Item(_said(input, ("input",)))
    parts = list(parts_of(input, ("input",)))
    if len(parts) > MOST_ITEMS:
        message = f"A new document has {MOST_ITEMS} blocks and requirements at most."
        raise Problem("INVALID", message, field=["input"])
    for part in parts:
        part.item = Item(_said(part.input, part.place))
    async with writing(info) as transaction:
        await create_rows(transaction, Document, (Project, "project_id"), [document])
        row = document.require()
        if not parts:
            transaction.add(row)
        else:
            await send_items(transaction, [document])
            document.require()
            await _send(transaction, row, parts)
    return answer(DocumentPayload, row)  # type: ignore[no-any-return]


async def _send(transaction: Transaction, document: Document, parts: Sequence[Part]) -> None:
    """Send the parts, numbered in their order; the first that is refused stops all."""
    scopes = scopes_beneath(Document, document)
    numbers: dict[type[Block | Requirement], int] = {}
    for part in parts:
        model = part.model
        numbers[model] = numbers.get(model, 0) + 1
        above = part.inside.item.row.id if part.inside else None
        key = "parent_id" if model is Block else "block_id"
        place = {key: above, "position": float(numbers[model])}
        part.item.row = model(**{**scopes, **part.item.values, **place})
    await send_items(transaction, [part.item for part in parts])
    for part in parts:
        if problem := part.item.problem:
            name_fields(problem, part.place, None)
            raise Problem(problem.code, problem.message, field=path_of(problem))


def _said(input: Any, place: Place) -> dict[str, Any]:
    """The columns of the row itself."""
    values = given(input, place)
    return {name: value for name, value in values.items() if name not in INSIDE}


@strawberry.type
class Mutation:
    document_create = strawberry.mutation(
        document_create,
        description="A new document in a project, with blocks and requirements: up to 500 of them,"
        " all or nothing.",
    )
