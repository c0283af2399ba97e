"""The writer of StrictDoc documents (.sdoc): one, or a ZIP archive of several."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import IO, Any

from db.requirements.collaboration import TraceLinkType
from graph.requirements.exchange.files.documents import write_documents
from graph.requirements.exchange.formats.strictdoc.reader import CHILD, FIELDS, MORE, PARENT
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftRequirement,
)
from graph.requirements.exchange.model.fields import CHOICES

_KEY = re.compile(r"[A-Z][A-Z0-9_]*")
_LINE = re.compile(r"[^\s\[>-](?:.*\S)?")
_SPECIAL = {*FIELDS, MORE, "RELATIONS", "ELEMENT", "MID", "LEVEL", "OPTIONS"}


def write(draft: Draft, _: str, file: IO[bytes]) -> str:
    """Write the documents; return the ending of the file: .sdoc for one, .zip for several."""
    return write_documents(draft, file, ".sdoc", _document)


def _document(document: DraftDocument, links: Mapping[str, list[DraftLink]]) -> str:
    keys = {
        key: None
        for requirement in document.requirements
        for key, value in requirement.properties.items()
        if _is_field(key, value)
    }
    about: dict[str, Any] = {"id": document.external_id}
    about |= {"description": document.description} if document.description else {}
    more: list[list[str | None]] = [
        [link.source, link.target, link.type.value, link.description]
        for id in dict.fromkeys(each.external_id or "" for each in document.requirements)
        for link in links.get(id, [])
        if link.description
    ]
    more += [
        [link.source, link.target, link.type.value, link.description]
        for block in document.blocks
        for link in links.get(block.external_id, [])
    ]
    about |= {"links": more} if more else {}
    parts = [_fields("[DOCUMENT]", {"TITLE": document.name, MORE: _json(about)}), _grammar([*keys])]
    beneath: dict[str | None, list[DraftBlock]] = defaultdict(list)
    inside: dict[str | None, list[DraftRequirement]] = defaultdict(list)
    for block in document.blocks:
        beneath[block.parent].append(block)
    for requirement in document.requirements:
        inside[requirement.block].append(requirement)
    parts += [_requirement(each, links) for each in inside[None]]
    pending: list[DraftBlock | None] = [*reversed(beneath[None])]
    while pending:  # depth first; None closes a section
        following = pending.pop()
        if following is None:
            parts.append("[[/SECTION]]\n")
            continue
        parts.append(_section(following))
        parts += [_requirement(each, links) for each in inside[following.external_id]]
        pending += [None, *reversed(beneath[following.external_id])]
    return "\n".join(parts)


def _grammar(keys: list[str]) -> str:
    """Return the grammar: StrictDoc refuses a field that it does not name."""
    lines = ["[GRAMMAR]", "ELEMENTS:"]
    required = ["UID", "STATUS", "PRIORITY", "TAGS", "TITLE", "STATEMENT", *keys, MORE]
    for tag, fields in (("SECTION", ["UID", "TITLE", MORE]), ("REQUIREMENT", required)):
        lines.append(f"- TAG: {tag}")
        lines += ["  PROPERTIES:", "    IS_COMPOSITE: True"] if tag == "SECTION" else []
        lines.append("  FIELDS:")
        for name in fields:
            lines += [f"  - TITLE: {name}", "    TYPE: String", "    REQUIRED: False"]
    lines += ["  RELATIONS:", f"  - TYPE: {PARENT}", f"  - TYPE: {CHILD}"]
    for each in TraceLinkType:
        lines += [f"  - TYPE: {PARENT}", f"    ROLE: {each.value}"]
    return "\n".join(lines) + "\n"


def _section(block: DraftBlock) -> str:
    more: dict[str, Any] = {"id": block.external_id}
    more |= {"type": block.type} if block.type else {}
    more |= {"content": block.content} if block.content else {}
    return _fields("[[SECTION]]", {"TITLE": block.name, MORE: _json(more)})


def _requirement(requirement: DraftRequirement, links: Mapping[str, list[DraftLink]]) -> str:
    external_id = requirement.external_id or ""
    more: dict[str, Any] = {
        name: getattr(requirement, name).value
        for name in CHOICES
        if name not in FIELDS.values() and getattr(requirement, name)
    }
    values: dict[str, str] = {"TITLE": requirement.name}
    if _LINE.fullmatch(external_id):
        values["UID"] = external_id
    else:
        more["id"] = external_id
    for name in ("status", "priority"):
        if member := getattr(requirement, name):
            values[name.upper()] = member.value
    text = requirement.description or ""
    if _is_text(text):
        values["STATEMENT"] = text
    else:
        more["description"] = text
    if tags := requirement.tags:
        joined = ", ".join(tags)
        is_list = [tag.strip() for tag in joined.split(",")] == tags and _LINE.fullmatch(joined)
        values |= {"TAGS": joined} if is_list else {}
        more |= {} if is_list else {"tags": tags}
    properties = {}
    for key, value in requirement.properties.items():
        if _is_field(key, value):
            values[key] = value
        elif value is not None:
            properties[key] = value
    more |= {"properties": properties} if properties else {}
    values |= {MORE: _json(more)} if more else {}
    return _fields("[REQUIREMENT]", values) + _relations(links.get(external_id, []))


def _relations(links: list[DraftLink]) -> str:
    if not links:
        return ""
    lines = ["RELATIONS:"]
    for link in links:
        type_ = CHILD if link.type is TraceLinkType.PARENT_OF else PARENT
        lines += [f"- TYPE: {type_}", f"  VALUE: {link.target}"]
        if link.type not in (TraceLinkType.PARENT_OF, TraceLinkType.DERIVED_FROM):
            lines.append(f"  ROLE: {link.type.value}")
    return "\n".join(lines) + "\n"


def _fields(start: str, values: Mapping[str, str]) -> str:
    lines = [start, *(field_of(name, value) for name, value in values.items())]
    return "\n".join(lines) + "\n"


def field_of(name: str, value: str) -> str:
    """Return a field, on one line where that is possible."""
    is_line = _LINE.fullmatch(value) or (name in ("TITLE", MORE) and "\n" not in value)
    return f"{name}: {value}" if is_line else f"{name}: >>>\n{value}\n<<<"


def _is_field(key: str, value: Any) -> bool:
    is_key = _KEY.fullmatch(key) is not None and key not in _SPECIAL
    return is_key and isinstance(value, str) and _is_text(value)


def _is_text(text: str) -> bool:
    """Return whether a field can hold a text: not empty, and no line of it ends the field."""
    return bool(text.strip()) and "\r" not in text and "<<<" not in text.split("\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
