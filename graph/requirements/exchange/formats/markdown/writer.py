"""The writer of Markdown: a file for each document, several in a ZIP archive."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import IO, Any

from graph.requirements.exchange.files.documents import write_documents
from graph.requirements.exchange.formats.markdown.syntax import (
    ATTRIBUTE,
    DEEPEST,
    FIELDS,
    LINKS,
    QUOTED,
    VALUE,
    coded,
    comment,
    escaped,
    is_free,
    quoted,
)
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftRequirement,
)
from graph.requirements.exchange.model.fields import CHOICES

TAKEN = frozenset(name.casefold() for name in FIELDS)


def write(draft: Draft, _: str, file: IO[bytes]) -> str:
    """Write the documents; return the ending of the file: .md for one, .zip for several."""
    return write_documents(draft, file, ".md", _document)


def _document(document: DraftDocument, links: Mapping[str, list[DraftLink]]) -> str:
    more: dict[str, Any] = {"kind": "document", "id": document.external_id}
    ids = dict.fromkeys(each.external_id or "" for each in document.requirements)
    left = [link for id in ids for link in links.get(id, []) if not coded(link.target)]
    left += [link for block in document.blocks for link in links.get(block.external_id, [])]
    told = [link for id in ids for link in links.get(id, []) if link.description]
    more |= {"links": [_link(each) for each in left]} if left else {}
    more |= {"described": [_link(each) for each in told]} if told else {}
    parts = [_part(1, document.name, more, document.description or "")]
    beneath: dict[str | None, list[DraftBlock]] = defaultdict(list)
    inside: dict[str | None, list[DraftRequirement]] = defaultdict(list)
    for block in document.blocks:
        beneath[block.parent].append(block)
    for requirement in document.requirements:
        inside[requirement.block].append(requirement)
    parts += [_requirement(each, 2, links) for each in inside[None]]
    pending = [(each, 2) for each in reversed(beneath[None])]
    while pending:  # depth first
        block, level = pending.pop()
        parts.append(_block(block, level))
        parts += [_requirement(each, level + 1, links) for each in inside[block.external_id]]
        pending += [(each, level + 1) for each in reversed(beneath[block.external_id])]
    return "\n".join(parts)


def _link(link: DraftLink) -> list[str | None]:
    return [link.source, link.target, link.type.value, link.description]


def _block(block: DraftBlock, level: int) -> str:
    more: dict[str, Any] = {"kind": "heading", "id": block.external_id}
    more |= {"block": block.parent} if level > DEEPEST else {}
    more |= {"type": block.type} if block.type else {}
    content = dict(block.content)
    text = content.pop("text", "")
    if not isinstance(text, str) or not text:
        text, content = "", dict(block.content)
    more |= {"content": content} if content else {}
    return _part(level, block.name, more, text)


def requirement_lines(
    requirement: DraftRequirement, level: int, links: Mapping[str, list[DraftLink]]
) -> list[str]:
    """Return the lines of a requirement, without blank ones before and after them."""
    return _requirement(requirement, level, links).rstrip("\n").split("\n")


def _requirement(
    requirement: DraftRequirement, level: int, links: Mapping[str, list[DraftLink]]
) -> str:
    external_id = requirement.external_id or ""
    more: dict[str, Any] = {}
    identifier = coded(external_id)
    if identifier is None:
        more |= {"kind": "requirement", "id": requirement.external_id}
    more |= {"block": requirement.block} if level > DEEPEST else {}
    rows = [
        (label, member.value)
        for label, name in FIELDS.items()
        if name in CHOICES and (member := getattr(requirement, name))
    ]
    if tags := requirement.tags:
        joined = escaped(", ".join(tags))
        if joined is None or any("," in tag for tag in tags):
            more["tags"] = tags
        else:
            rows.append(("Tags", joined))
    left: dict[str, Any] = {}
    as_json: list[str] = []
    for key, value in requirement.properties.items():
        name, held_ = escaped(key), held(value)
        if name is None or held_ is None or key.casefold() in TAKEN:
            left |= {key: value} if value is not None else {}
        else:
            rows.append((name, held_))
            as_json += [] if isinstance(value, str) else [key]
    more |= {"properties": left} if left else {}
    more |= {"json": as_json} if as_json else {}
    rows += _linked(links.get(external_id, []))
    return _part(level, requirement.name, more, requirement.description or "", identifier, rows)


def held(value: Any) -> str | None:
    """Return a value as a cell holds it; None if it cannot."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, bool | int | float):
        return escaped(json.dumps(value))
    return None if value is None else coded(json.dumps(value, ensure_ascii=False))


def _linked(links: list[DraftLink]) -> Iterator[tuple[str, str]]:
    targets: dict[str, list[str]] = defaultdict(list)
    for link in links:
        if code := coded(link.target):
            targets[LINKS[link.type]].append(code)
    for label, codes in targets.items():
        yield label, ", ".join(dict.fromkeys(codes))


def _part(
    level: int,
    name: str,
    more: Mapping[str, Any],
    text: str,
    identifier: str | None = None,
    rows: list[tuple[str, str]] | None = None,
) -> str:
    """Return a heading with its comment, its attributes and its text."""
    title, about = escaped(name), dict(more)
    if title is None:
        about["name"] = name
    if text and ("\r" in text or "\0" in text):
        about["text"], text = text, ""
    elif text.endswith("\n") and is_free(free := text.rstrip("\n")):
        about["end"], text = text[len(free) :], free
    elif text and not is_free(text):
        about["form"], text = QUOTED, quoted(text)
    heading = " ".join(filter(None, (identifier, title)))
    lines = [f"{'#' * min(level, DEEPEST)} {heading}".rstrip()]
    lines += [comment(about)] if about else []
    if rows:
        lines += ["", f"| {ATTRIBUTE} | {VALUE} |", "|---|---|"]
        lines += [f"| {key} | {value} |" for key, value in rows]
    lines += ["", text] if text else []
    return "\n".join([*lines, ""])
