"""The content of a shared document, as its page shows it: sections in order, with requirements."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from auth.session import Past, Row, ViewerSession
from db.problem import Problem
from db.requirements.documents import Block
from db.requirements.properties import Column, Property, PropertyType
from db.requirements.requirements import Requirement

MAX_BLOCKS, MAX_REQUIREMENTS = 2_000, 5_000
"""Rows of a document that its page can show, at most."""
PER_PAGE = 200
"""Requirements of one page."""
MAX_LEVEL = 6
"""The deepest heading of HTML."""
MAX_COLUMNS = 50


@dataclass(frozen=True)
class Item:
    """A requirement: its identifier and texts, and the values of the section's columns.

    `further` holds values of properties that no column shows, by their keys.
    """

    number: str
    name: str
    description: str
    status: str
    priority: str
    values: tuple[str, ...]
    further: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Section:
    """A block: its heading and text, the names of its columns, and its requirements."""

    id: UUID | None
    level: int
    name: str
    text: str
    columns: tuple[str, ...]
    items: tuple[Item, ...]


async def sections(session: ViewerSession, document_id: UUID, past: Past | None) -> list[Section]:
    """Return the sections of a document. Raises QUERY_TOO_COMPLEX for one of too many rows."""
    blocks = await _beneath(session, Block, document_id, past, MAX_BLOCKS)
    requirements = await _beneath(session, Requirement, document_id, past, MAX_REQUIREMENTS)
    shown: Mapping[UUID, list[Row]] = {}
    if past is None:
        shown = await _shown(session, document_id)
    inside: dict[UUID | None, list[Row]] = defaultdict(list)
    known = {block.id for block in blocks}
    for requirement in requirements:
        inside[requirement.block_id if requirement.block_id in known else None].append(requirement)
    found = []
    if inside[None]:
        found.append(_section(None, 1, inside[None], ()))
    for block, level in _in_order(blocks):
        properties = shown.get(block.id, ())
        found.append(_section(block, level, inside[block.id], properties, past))
    return found


def part(found: Sequence[Section], number: int) -> tuple[list[Section], int]:
    """Return the sections of one page, from 1, and the number of pages. Raises NOT_FOUND.

    A section whose requirements do not fit continues on the next page, under its heading.
    """
    pages: list[list[Section]] = [[]]
    left = PER_PAGE
    for section in found:
        items, is_first = section.items, True
        while is_first or items:
            if left <= 0:
                pages.append([])
                left = PER_PAGE
            here, items = items[:left], items[left:]
            text = section.text if is_first else ""
            pages[-1].append(replace(section, items=here, text=text))
            left -= max(len(here), 1)
            is_first = False
    if not 0 < number <= len(pages):
        raise Problem("NOT_FOUND", "There is no such page.")
    return pages[number - 1], len(pages)


async def _beneath(
    session: ViewerSession, model: Any, document_id: UUID, past: Past | None, most: int
) -> list[Row]:
    found = await session.pages(
        model,
        "document_id",
        [document_id],
        order=(model.position, model.id),
        limit=most + 1,
        past=past,
    )
    rows = found.get(document_id, [])
    if len(rows) > most:
        message = f"The document has more than {most} {model.__tablename__}, too many for a page."
        raise Problem("QUERY_TOO_COMPLEX", message)
    return rows


async def _shown(session: ViewerSession, document_id: UUID) -> Mapping[UUID, list[Row]]:
    """Return the properties that the tables of blocks show, by block."""
    columns = await _beneath(session, Column, document_id, None, MAX_BLOCKS)
    wanted = {column.property_id for column in columns}
    pages = await session.pages(Property, "id", wanted) if wanted else {}
    shown: dict[UUID, list[Row]] = defaultdict(list)
    for column in columns:
        here = shown[column.block_id]
        if not column.is_hidden and column.property_id in pages and len(here) < MAX_COLUMNS:
            here.append(pages[column.property_id][0])
    return shown


def _in_order(blocks: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Yield the blocks from the top down, each before those inside it, with the heading level."""
    known = {block.id for block in blocks}
    children: dict[UUID | None, list[Row]] = defaultdict(list)
    for block in blocks:
        children[block.parent_id if block.parent_id in known else None].append(block)
    waiting = [(block, 2) for block in reversed(children[None])]
    while waiting:
        block, level = waiting.pop()
        yield block, min(level, MAX_LEVEL)
        waiting += [(child, level + 1) for child in reversed(children[block.id])]


def _section(
    block: Row | None,
    level: int,
    requirements: Sequence[Row],
    properties: Sequence[Row],
    past: Past | None = None,
) -> Section:
    text = block.content.get("text") if block is not None else None
    return Section(
        block.id if block is not None else None,
        level,
        block.name if block is not None else "",
        text if isinstance(text, str) else "",
        tuple(property.name for property in properties),
        tuple(_item(row, properties, every=past is not None) for row in requirements),
    )


def _item(row: Row, properties: Sequence[Row], *, every: bool) -> Item:
    values = row.properties
    further = ((key, _plain(value)) for key, value in sorted(values.items())) if every else ()
    return Item(
        row.external_id or "",
        row.name,
        row.description or "",
        label(row.status),
        label(row.priority),
        tuple(_value(property, values.get(property.key)) for property in properties),
        tuple(pair for pair in further if pair[1]),
    )


def label(value: str) -> str:
    """Return the value of an enumeration for people: `in_review` is `In review`."""
    return str(value).replace("_", " ").capitalize()


def _value(property: Row, value: Any) -> str:
    if property.property_type == PropertyType.USER:
        return ""  # people are none of what is shared
    choices = {one["id"]: one["label"] for one in property.options.get("choices", ())}
    if isinstance(value, list):
        return ", ".join(_plain(choices.get(one, one) if _is_key(one) else one) for one in value)
    return _plain(choices.get(value, value) if _is_key(value) else value)


def _is_key(value: Any) -> bool:
    return isinstance(value, str)


def _plain(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "Yes" if value else "No"
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
