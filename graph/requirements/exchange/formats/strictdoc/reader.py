"""The reader of StrictDoc documents (.sdoc), alone or in a ZIP archive.

Sections become headings, texts become blocks of type `text`, and all other elements requirements.
The syntax is that of StrictDoc's grammar, of which both notations of sections are read.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from db.requirements.collaboration import TraceLinkType
from db.text import as_identifier
from graph.requirements.exchange.files.documents import read_documents
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.csv.rows import decoded
from graph.requirements.exchange.model.draft import (
    MAX_NAME_LENGTH,
    Draft,
    DraftBlock,
    DraftDocument,
    DraftLink,
    DraftRequirement,
    Limits,
    fitting_name,
    refused,
)
from graph.requirements.exchange.model.fields import CHOICES, IGNORE, PROPERTY
from graph.requirements.exchange.model.vocabulary import meant, relation_meant

MORE = "GATEWAY_DATA"
"""The field that the gateway writes: an object in JSON of what the other fields cannot hold."""
FIELDS = {
    "UID": "external_id",
    "TITLE": "name",
    "STATEMENT": "description",
    "STATUS": "status",
    "PRIORITY": "priority",
    "TAGS": "tags",
}
"""The fields of an element, and those of a requirement."""
PARENT, CHILD = "Parent", "Child"
UNREAD = ("GRAMMAR", "VIEW", "DOCUMENT_FROM_FILE")
"""Elements without content. The documents that one includes are files of the archive themselves."""
_ELEMENT = re.compile(r"\[(?P<composite>\[)?(?P<end>/)?(?P<tag>[A-Z][A-Z0-9_]*)\](?(composite)\])")
_FIELD = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*):(?: (?P<value>.*))?")
_LIST = re.compile(r"(?:- |  )(?P<name>[A-Z]+): (?P<value>.*)")


@dataclass
class Element:
    """One element of a file: its tag, the line at which it begins, its fields and relations."""

    tag: str
    line: int
    composite: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    relations: list[dict[str, str]] = field(default_factory=list)
    is_end: bool = False
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The first line of each field, counted from 0, and the line after its last."""


def elements_of(
    source: Source, limits: Limits
) -> dict[tuple[int, str | None], tuple[str, Element]]:
    """Return the elements of requirements with the names of their files.

    They are named by the places of their documents and their external IDs.
    """
    readers: list[_Reader] = []

    def reader_of(draft: Draft) -> _Reader:
        readers.append(_Reader(draft, FIELDS))
        return readers[-1]

    read_documents(source, ".sdoc", limits, reader_of)
    return readers[0].elements


def read(source: Source, *, chosen: Mapping[str, str], limits: Limits) -> Draft:
    """Return the draft of a document, or of all documents in an archive.

    `chosen` maps fields of elements to those of requirements. Raises INVALID, with one sentence.
    """
    return read_documents(
        source, ".sdoc", limits, lambda draft: _Reader(draft, FIELDS | dict(chosen))
    )


class _Reader:
    def __init__(self, draft: Draft, targets: Mapping[str, str]) -> None:
        self.draft, self.targets = draft, targets
        self.relations: list[tuple[str, dict[str, str]]] = []
        self.known: dict[str, str] = {}
        """The place of each external ID."""
        self.unknown: Counter[str] = Counter()
        self.blocks: set[str] = set()
        self.elements: dict[tuple[int, str | None], tuple[str, Element]] = {}
        self.own: list[list[Any]] = []
        """Links as the gateway has written them, with what relations cannot hold."""

    def document(self, source: Source) -> None:
        elements = _elements(source)
        if not elements or elements[0].tag != "DOCUMENT":
            raise refused(source.name, "line 1: a document begins with [DOCUMENT].")
        head = elements[0].fields
        title = head.get("TITLE") or source.stem
        about = _more(source, elements[0])
        identifier = about.get("id") or head.get("UID") or f"sdoc:{title}"
        document = DraftDocument(fitting_name(title), identifier, about.get("description"))
        self.own += about.get("links", [])
        above: list[str | None] = [None]
        texts = 0
        for element in elements[1:]:
            if element.is_end:
                above.pop()
                if not above:
                    raise refused(source.name, f"line {element.line}: nothing ends here.")
            elif element.tag in ("SECTION", "TEXT", "FREETEXT"):
                texts += element.tag != "SECTION"
                block = self.block(source, element, document, above[-1], texts)
                above += [block] if element.tag == "SECTION" else []
            elif element.tag not in UNREAD:
                self.requirement(source, element, document, above)
        if len(above) > 1:
            raise refused(source.name, "a section is not closed at the end of the file.")
        self.draft.documents.append(document)
        self.draft.counts["requirements"] += len(document.requirements)

    def block(
        self,
        source: Source,
        element: Element,
        document: DraftDocument,
        parent: str | None,
        number: int,
    ) -> str:
        fields, more = element.fields, _more(source, element)
        is_text = element.tag != "SECTION"
        text = fields.get("STATEMENT") or ""
        name = fields.get("TITLE") or fitting_name(_first_line(text)) or "Text"
        path = f"{parent or document.external_id}/{name}"[:MAX_NAME_LENGTH]
        by_place = f"{document.external_id}/text-{number}" if is_text else path
        count = 1
        while by_place in self.known:  # a section of the same title at the same place
            count += 1
            by_place = f"{path} ({count})"
        block = DraftBlock(
            str(more.get("id") or fields.get("UID") or by_place),
            fitting_name(str(name)),
            parent,
            more.get("content") or ({"text": text} if text else {}),
            more.get("type") or ("text" if is_text else None),
        )
        self.place(source, element, block.external_id)
        self.blocks.add(block.external_id)
        document.blocks.append(block)
        return block.external_id

    def requirement(
        self,
        source: Source,
        element: Element,
        document: DraftDocument,
        above: list[str | None],
    ) -> None:
        values: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for name, value in element.fields.items():
            target = self.targets.get(name, PROPERTY)
            if target in CHOICES:
                values[target] = member = meant(CHOICES[target], _one(value))
                properties[name] = value if member is None else None
                self.unknown[f"{name} has no equivalent for {value!r}"] += member is None
            elif target == "tags":
                values["tags"] = [tag for tag in map(str.strip, _one(value).split(",")) if tag]
            elif target == PROPERTY and name != MORE:
                properties[as_identifier(name)] = value
            elif target != IGNORE and name != MORE:
                values[target] = _one(value)
        more = _more(source, element)
        properties |= more.pop("properties", {})
        values |= {name: more[name] for name in ("tags", "description") if name in more}
        values |= {
            name: meant(enumeration, str(more[name]))
            for name, enumeration in CHOICES.items()
            if name in more
        }
        if element.tag != "REQUIREMENT" and not element.composite:
            properties["ELEMENT"] = element.tag
        external_id = more.get("id") or values.pop("external_id", None)
        values.pop("external_id", None)
        name = values.pop("name", "") or _first_line(values.get("description", ""))
        name = fitting_name(name or str(external_id or ""))
        if not name:
            where = f"line {element.line}: [{element.tag}]"
            raise refused(source.name, f"{where} has neither a TITLE nor a STATEMENT.")
        row = DraftRequirement(name, external_id, above[-1], **values, properties=properties)
        if element.composite:
            block = DraftBlock(row.external_id or f"{document.external_id}/{name}", name, above[-1])
            document.blocks.append(block)
            row.block = block.external_id
            above.append(block.external_id)
        if row.external_id:
            self.place(source, element, row.external_id)
            self.relations += [(row.external_id, each) for each in element.relations]
        document.requirements.append(row)
        self.elements[len(self.draft.documents), row.external_id] = (source.name, element)

    def place(self, source: Source, element: Element, identifier: str) -> None:
        here = f"{source.name}, line {element.line}"
        there = self.known.setdefault(identifier, here)
        if there != here and MORE not in element.fields:  # the store allows what StrictDoc refuses
            message = f"the UID {identifier!r} is also at {there}."
            raise refused(source.name, f"line {element.line}: {message}")

    def link(self) -> None:
        """Add the relations between what was read; count the others."""
        missing: Counter[str] = Counter()
        for source, relation in self.relations:
            target, type_ = relation.get("VALUE", ""), relation.get("TYPE", PARENT)
            if type_ == "File":
                missing["Relations to files are not imported"] += 1
            elif as_identifier(target) not in self.known:
                missing["Relations to what is not in the file are not imported"] += 1
            else:
                self.draft.links.append(_link(source, target, type_, relation.get("ROLE")))
        counts = {**missing, **{key: count for key, count in self.unknown.items() if count}}
        self.draft.notes += [f"{what} (places: {count})." for what, count in counts.items()]
        found = {(each.source, each.type, each.target): each for each in self.draft.links}
        for source, target, type_, text in self.own:
            key = (as_identifier(source), TraceLinkType(type_), as_identifier(target))
            if key in found or (source in self.blocks and key[2] in self.known):
                found[key] = DraftLink(source, target, key[1], text)
        self.draft.links = [*found.values()]


def _link(source: str, target: str, type_: str, role: str | None) -> DraftLink:
    """Return a relation as a link: its role says what it means, or else its type."""
    if role:
        meaning, inverse = relation_meant(role)
    elif type_ == CHILD:
        meaning, inverse = TraceLinkType.PARENT_OF, False
    else:
        meaning, inverse = TraceLinkType.DERIVED_FROM, False
    ends = (target, source) if inverse or (role and type_ == CHILD) else (source, target)
    is_known = role is None or meant(TraceLinkType, role) is not None or inverse
    return DraftLink(*ends, meaning, None if is_known else role)


def _elements(source: Source) -> list[Element]:
    """Return the elements of a file in order. Raises INVALID with the line at fault."""
    lines = decoded(source).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found: list[Element] = []
    index = 0
    while index < len(lines):
        line, number = lines[index], index + 1
        index += 1
        current = found[-1] if found else None
        if start := _ELEMENT.fullmatch(line.rstrip()):
            element = Element(start["tag"], number, bool(start["composite"]))
            element.is_end = bool(start["end"])
            found.append(element)
            if element.tag == "FREETEXT" and not element.is_end:
                index = _until(source, lines, index, "[/FREETEXT]", element)
        elif current is None:
            if line.strip():
                raise refused(source.name, f"line {number}: a document begins with [DOCUMENT].")
        elif current.tag not in UNREAD:
            index = _read_line(source, lines, index, current)
    return found


def _read_line(source: Source, lines: list[str], index: int, element: Element) -> int:
    """Read a line within an element, and those that belong to it; return the next one."""
    line = lines[index - 1]
    if (named := _FIELD.fullmatch(line)) and named["value"] == ">>>":
        end = next((at for at in range(index, len(lines)) if lines[at] == "<<<"), None)
        if end is None:
            message = f"line {index}: the text that begins here is never closed by <<<."
            raise refused(source.name, message)
        _add(element, named["name"], "\n".join(lines[index:end]), (index - 1, end + 1))
        return end + 1
    if named and named["value"]:
        _add(element, named["name"], named["value"].strip(), (index - 1, index))
    elif listed := _LIST.fullmatch(line):
        if line.startswith("- "):
            element.relations.append({})
        if element.relations:
            element.relations[-1][listed["name"]] = listed["value"].strip()
    elif line.strip() and not named and not (element.tag == "DOCUMENT" and line.startswith(" ")):
        raise refused(source.name, f"line {index}: this is no field of [{element.tag}].")
    return index


def _until(source: Source, lines: list[str], index: int, end: str, element: Element) -> int:
    for at in range(index, len(lines)):
        if lines[at].rstrip() == end:
            element.fields["STATEMENT"] = "\n".join(lines[index:at])
            return at + 1
    raise refused(source.name, f"line {element.line}: [{element.tag}] is never closed.")


def _add(element: Element, name: str, value: str, place: tuple[int, int]) -> None:
    """Add a field; one that is there more than once, such as COMMENT, is a list."""
    held = element.fields.get(name)
    if held is None:
        element.fields[name], element.places[name] = value, place
    else:
        element.fields[name] = [*(held if isinstance(held, list) else [held]), value]


def _more(source: Source, element: Element) -> dict[str, Any]:
    """Return what the gateway has written for itself. Raises INVALID if that is not JSON."""
    try:
        found = json.loads(_one(element.fields.get(MORE)) or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise refused(source.name, f"line {element.line}: {MORE} is no object in JSON.")
    return found


def _one(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else value or ""


def _first_line(text: str) -> str:
    return next(filter(None, map(str.strip, text.splitlines())), "")
