"""The writer of `needs.json`: one version with all needs."""

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

from db.text import as_identifier
from graph.requirements.exchange.formats.sphinx_needs.reader import FIELDS, INTERNAL, MORE, VERSION
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftBlock,
    DraftDocument,
    DraftRequirement,
)
from graph.requirements.exchange.model.fields import CHOICES


def write(draft: Draft, title: str, file: IO[bytes]) -> str:
    """Write a draft as a `needs.json` of one version; return the ending of its name."""
    documents: list[dict[str, Any]] = []
    needs: dict[str, Any] = {}
    links: dict[str, dict[str, list[str]]] = {}
    ids = {each.external_id for one in draft.documents for each in one.requirements}
    for link in draft.links:
        if link.target in ids:
            links.setdefault(link.source, {}).setdefault(link.type.value, []).append(link.target)
    for number, document in enumerate(draft.documents, start=1):
        docname = f"{number}/{document.name}"
        documents.append(
            {
                "docname": docname,
                "id": document.external_id,
                "name": document.name,
                "description": document.description,
                "blocks": [_block(block) for block in document.blocks],
            }
        )
        titles = dict(_titles(document))
        for each in document.requirements:
            id = each.external_id or ""
            key = id if id not in needs else f"{id} ({docname})"
            need = _need(each, links.get(id, {}), titles) | {"id": key, "docname": docname}
            need[MORE] |= {"id": id}
            needs[key] = need
    more = {
        "documents": documents,
        "links": [
            [each.source, each.target, each.type.value, each.description] for each in draft.links
        ],
    }
    version = {"needs": needs, "needs_amount": len(needs), MORE: more}
    whole = {"project": title, "current_version": VERSION, "versions": {VERSION: version}}
    for piece in json.JSONEncoder(indent=1, ensure_ascii=False).iterencode(whole):
        file.write(piece.encode())
    return ".json"


def _need(
    each: DraftRequirement, links: Mapping[str, list[str]], titles: Mapping[str, list[str]]
) -> dict[str, Any]:
    left: dict[str, Any] = {}
    need: dict[str, Any] = {
        "title": each.name,
        "content": each.description or "",
        "tags": each.tags or [],
        "sections": titles.get(each.block or "", []),
        "type": "req",
    }
    need |= {name: member.value for name in CHOICES if (member := getattr(each, name))}
    for key, value in each.properties.items():
        is_taken = key in need or key in FIELDS or key in INTERNAL or key.endswith("_back")
        is_plain = isinstance(value, str | int | float) and value != ""
        if is_plain and not is_taken and as_identifier(key) == key:
            need[key] = value
        elif value is not None:
            left[key] = value
    need |= {name: ids for name, ids in links.items() if name not in need}
    need[MORE] = {"block": each.block, "properties": left}
    return need


def _titles(document: DraftDocument) -> Iterator[tuple[str, list[str]]]:
    """Yield the titles above what is in each block, the innermost first."""
    found: dict[str | None, list[str]] = {None: []}
    for block in document.blocks:
        found[block.external_id] = [block.name, *found[block.parent]]
        yield block.external_id, found[block.external_id]


def _block(block: DraftBlock) -> dict[str, Any]:
    """Return a block as the reader takes it, without the row that it was gathered from."""
    return {name: value for name, value in vars(block).items() if name != "stored"}
