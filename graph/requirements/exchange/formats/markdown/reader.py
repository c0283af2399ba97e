"""The reader of Markdown: files, alone or in a ZIP archive, whose headings are requirements.

A heading with an identifier, or with a table of attributes below it, is a requirement. All others
are blocks, and the first one of the first level is the document.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markdown_it.token import Token

from db.requirements.collaboration import TraceLinkType
from db.text import as_identifier
from graph.requirements.exchange.files.documents import read_documents
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.csv.rows import decoded
from graph.requirements.exchange.formats.markdown.syntax import (
    ATTRIBUTES,
    FIELDS,
    LINKS,
    MORE,
    QUOTED,
    Cell,
    cell,
    parts_of,
    rows_of,
    unquoted,
)
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
from graph.requirements.exchange.model.vocabulary import INVERSES, meant, relation_meant, words

_NAMED = re.compile(
    r"\[(?P<bracket>[^\s\]]+)\]\s+(?P<first>.+)"
    r"|(?P<id>[A-Z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*[-_.]?\d+)(?::\s+|\s+[-\u2013\u2014]\s+)(?P<second>.+)"
)
"""Headings with an identifier that is no span of code: `[REQ-1] Name`, or `REQ-1: Name`."""
_MEMBERS: dict[str, Any] = {
    **dict.fromkeys(("kind", "name", "text", "form", "end"), str),
    **dict.fromkeys(("id", "block", "type"), (str, type(None))),
    **dict.fromkeys(("json", "tags", "links", "described"), list),
    **dict.fromkeys(("properties", "content"), dict),
}
"""The types of the members of a comment."""
_TITLE = re.compile(r"title:\s*[\"']?(.*?)[\"']?\s*")
_LINK_NAMES = {words(label): type_ for type_, label in LINKS.items()}


@dataclass
class Section:
    """A heading, and what is below it until the next one. Lines are counted from 0."""

    line: int
    level: int
    heading: Cell
    more: dict[str, Any] = field(default_factory=dict)
    rows: list[tuple[Cell, Cell]] | None = None
    table: int = 0
    """The first line of the table that has the rows."""
    start: int = 0
    """The first line of its text."""
    end: int = 0
    id: str | None = None
    name: str = ""
    kind: str = "heading"


def read(source: Source, *, chosen: Mapping[str, str], limits: Limits) -> Draft:
    """Return the draft of a document, or of all documents in an archive.

    `chosen` maps attributes to fields. Raises INVALID, with one sentence.
    """
    return read_documents(
        source, ".md", limits, lambda draft: _Reader(draft, FIELDS | dict(chosen), limits)
    )


def sections_of(
    source: Source, limits: Limits
) -> dict[tuple[int, str | None], tuple[str, Section]]:
    """Return the sections of requirements with the names of their files.

    They are named by the places of their documents and their external IDs.
    """
    readers: list[_Reader] = []

    def reader_of(draft: Draft) -> _Reader:
        readers.append(_Reader(draft, FIELDS, limits))
        readers[0].sections = {}
        return readers[0]

    read_documents(source, ".md", limits, reader_of)
    return readers[0].sections or {}


class _Reader:
    def __init__(self, draft: Draft, targets: Mapping[str, str], limits: Limits) -> None:
        self.sections: dict[tuple[int, str | None], tuple[str, Section]] | None = None
        self.draft, self.limits = draft, limits
        self.targets = {name.casefold(): target for name, target in targets.items()}
        self.known: set[str] = set()
        self.found: list[DraftLink] = []
        self.left: list[DraftLink] = []
        """Links that only a comment holds."""
        self.described: list[DraftLink] = []
        """Links with their descriptions."""
        self.unknown: Counter[str] = Counter()

    def document(self, source: Source) -> None:
        lines = decoded(source).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        title = _front_matter(lines)
        sections = _sections(source, lines, self.limits)
        first = sections[0].line if sections else len(lines)
        text, own = _trimmed(lines[:first]), Section(0, 1, Cell(""))
        tops = [each for each in sections if each.level == 1]
        if sections and len(tops) == 1 and tops[0] is sections[0] and tops[0].kind == "heading":
            own = sections.pop(0)
            text = "\n\n".join(filter(None, (text, _text(own, lines))))
        name = own.name or title or source.stem
        identifier = own.more.get("id") or f"md:{name}"[:MAX_NAME_LENGTH]
        document = DraftDocument(fitting_name(name), identifier, text or None)
        self.left += _links(source, own, "links")
        self.described += _links(source, own, "described")
        above: list[tuple[int, str]] = []
        here: set[str] = set()
        headings: set[str] = set()
        for section in sections:
            while above and above[-1][0] >= section.level:
                above.pop()
            parent = above[-1][1] if above else None
            parent = named if (named := section.more.get("block")) in headings else parent
            if section.kind == "requirement":
                row = self.requirement(section, lines, parent)
                if row.external_id and row.external_id in here:
                    message = f"line {section.line + 1}: the ID {row.external_id!r} is used twice."
                    raise refused(source.name, message)
                here.add(row.external_id or "")
                document.requirements.append(row)
                if self.sections is not None:
                    place = len(self.draft.documents)
                    self.sections[place, row.external_id] = (source.name, section)
            else:
                identifier = section.more.get("id") or _place(section, parent, document, headings)
                block = _block(section, lines, parent, identifier)
                above.append((section.level, block.external_id))
                document.blocks.append(block)
                headings.add(block.external_id)
        self.known |= here | headings
        self.draft.documents.append(document)
        self.draft.counts["requirements"] += len(document.requirements)

    def requirement(
        self, section: Section, lines: list[str], block: str | None
    ) -> DraftRequirement:
        more, as_json = section.more, section.more.get("json", ())
        values: dict[str, Any] = {"description": _text(section, lines)}
        properties: dict[str, Any] = dict(more.get("properties", {}))
        for key, value in section.rows or ():
            if key.text in as_json:
                properties[as_identifier(key.text)] = _value(value.text)
            elif not (value.is_list and self.relate(section.id, key.text, value.codes)):
                self.attribute(key.text, value.text, values, properties)
        if "tags" in more:
            values["tags"] = [str(tag) for tag in more["tags"]]
        external_id = values.pop("external_id", None) or section.id
        name = fitting_name(values.pop("name", "") or section.name or external_id or "Requirement")
        return DraftRequirement(name, external_id, block, **values, properties=properties)

    def attribute(
        self, key: str, text: str, values: dict[str, Any], properties: dict[str, Any]
    ) -> None:
        """Add an attribute to the fields, or else to the properties."""
        target = self.targets.get(key.casefold(), PROPERTY)
        if target in CHOICES:
            values[target] = member = meant(CHOICES[target], text)
            if text and member is None:
                properties[as_identifier(key)] = text
                self.unknown[f"{key} has no equivalent for {text!r}"] += 1
        elif target == "tags":
            values["tags"] = [tag for tag in map(str.strip, text.split(",")) if tag]
        elif target in ("external_id", "name", "description"):
            values[target] = text
        elif target != IGNORE and as_identifier(key):
            properties[as_identifier(key)] = text

    def relate(self, id: str | None, label: str, targets: list[str]) -> bool:
        """Add the links of an attribute; return whether it holds links."""
        said = words(label)
        if id is None or (said not in _LINK_NAMES and said not in INVERSES):
            return False
        type_, inverse = relation_meant(label)
        if said in _LINK_NAMES:
            type_, inverse = _LINK_NAMES[said], False
        for target in targets:
            ends = (target, id) if inverse else (id, target)
            self.found.append(DraftLink(*ends, type_, None))
        return True

    def link(self) -> None:
        """Add the links between what was read; count the others."""
        links: dict[tuple[str, TraceLinkType, str], DraftLink] = {}
        missing = 0
        for each in [*self.found, *self.left]:
            if each.source in self.known and each.target in self.known:
                links[each.source, each.type, each.target] = each
            else:
                missing += 1
        for each in self.described:
            if (each.source, each.type, each.target) in links:
                links[each.source, each.type, each.target] = each
        self.draft.links = [*links.values()]
        counts = {"Relations to what is not in the file are not imported": missing, **self.unknown}
        self.draft.notes += [
            f"{what} (places: {count})." for what, count in counts.items() if count
        ]


def _links(source: Source, section: Section, member: str) -> list[DraftLink]:
    """Return the links of a document that its comment holds. Raises INVALID."""
    try:
        return [
            DraftLink(start, end, TraceLinkType(type_), text)
            for start, end, type_, text in section.more.get(member, ())
        ]
    except (TypeError, ValueError, AttributeError):
        raise _bad_comment(source, section.line + 2) from None


def _block(section: Section, lines: list[str], parent: str | None, identifier: str) -> DraftBlock:
    more, text = section.more, _text(section, lines)
    content = {**more.get("content", {}), **({"text": text} if text else {})}
    name = fitting_name(section.name) or "Heading"
    return DraftBlock(identifier, name, parent, content, more.get("type"))


def _place(section: Section, parent: str | None, document: DraftDocument, taken: set[str]) -> str:
    """Return an identifier that follows from the names of a heading and those above it."""
    path = f"{parent or document.external_id}/{section.name}"[: MAX_NAME_LENGTH - 20]
    place = as_identifier(path)
    if place in taken:  # another heading of the same name at the same place
        place = as_identifier(f"{path} ({len(taken) + 1})")
    return place


def _front_matter(lines: list[str]) -> str | None:
    """Empty the lines of front matter; return the title that it has."""
    if lines[0].rstrip() != "---":
        return None
    end = next((at for at in range(1, len(lines)) if lines[at].rstrip() in ("---", "...")), None)
    if end is None:
        return None
    titles = [found[1] for line in lines[:end] if (found := _TITLE.fullmatch(line))]
    lines[: end + 1] = [""] * (end + 1)
    return titles[0] if titles and titles[0] else None


def _sections(source: Source, lines: list[str], limits: Limits) -> list[Section]:
    """Return the headings that are documents, blocks and requirements, in order."""
    sections: list[Section] = []
    for first, found in parts_of(lines):
        for index, token in enumerate(found):
            if token.type == "heading_open" and not token.level and token.map:
                section = _section(source, lines, found, index, first)
                if not (sections and _is_within(sections[-1], section)):
                    sections.append(section)
    if len(sections) > 2 * limits.items:
        raise refused(source.name, f"there are more than {2 * limits.items:,} headings.")
    ends = [*(each.line for each in sections[1:]), len(lines)]
    for section, end in zip(sections, ends, strict=False):
        section.end = end
    return sections


def _is_within(requirement: Section, section: Section) -> bool:
    """Return whether a heading belongs to the text of the requirement above it."""
    is_plain = section.kind == "heading" and not section.more
    return is_plain and requirement.kind == "requirement" and section.level > requirement.level


def _section(
    source: Source, lines: list[str], found: list[Token], index: int, first: int
) -> Section:
    """Return the heading at a token, whose lines are counted from `first`."""
    line, start = found[index].map or (0, 0)
    heading = cell(found[index + 1].content)
    section = Section(first + line, int(found[index].tag[1:]), heading, start=first + start)
    following = index + 3
    if section.start < len(lines) and (own := MORE.fullmatch(lines[section.start])):
        section.more = _object(source, section.start, own[1])
        section.start += 1
        following += 1
    section.rows, end = _attributes(found, following, section.start, first)
    if section.rows is not None:
        section.table, section.start = first + (found[following].map or (0, 0))[0], end
    section.id, section.name = _identified(heading)
    section.kind = "requirement" if section.id or section.rows is not None else "heading"
    if kind := section.more.get("kind"):
        is_requirement = kind == "requirement"
        section.kind = "requirement" if is_requirement else "heading"
        section.id, section.name = section.more.get("id") if is_requirement else None, heading.text
    section.name = section.more.get("name") or section.name
    return section


def _identified(heading: Cell) -> tuple[str | None, str]:
    """Return the identifier of a requirement in its heading, and its name."""
    if heading.rest is not None:
        return heading.codes[0], heading.rest.removeprefix(":").strip()
    if len(heading.text) <= MAX_NAME_LENGTH and (named := _NAMED.fullmatch(heading.text)):
        return named["bracket"] or named["id"], named["first"] or named["second"]
    return None, heading.text


def _attributes(
    found: list[Token], index: int, start: int, first: int
) -> tuple[list[tuple[Cell, Cell]] | None, int]:
    """Return the attributes of the table at a token, if it is one, and the line after it."""
    if index >= len(found) or found[index].type != "table_open" or found[index].map is None:
        return None, start
    header, *rows = rows_of(found, index)
    if len(header) != 2 or cell(header[0]).text.casefold() not in ATTRIBUTES:  # noqa: PLR2004
        return None, start
    end = (found[index].map or (0, 0))[1]
    return [(cell(row[0]), cell(row[1])) for row in rows], first + end


def _object(source: Source, line: int, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad_comment(source, line + 1) from None
    is_read = isinstance(value, dict) and all(
        isinstance(each, _MEMBERS.get(name, object)) for name, each in value.items()
    )
    if not is_read:
        raise _bad_comment(source, line + 1)
    return {name: each for name, each in value.items() if each is not None}


def _bad_comment(source: Source, line: int) -> Exception:
    return refused(source.name, f"line {line}: the comment of the gateway cannot be read.")


def _text(section: Section, lines: list[str]) -> str:
    """Return the text below a heading."""
    below = lines[section.start : section.end]
    if "text" in section.more:
        return str(section.more["text"])
    if section.more.get("form") == QUOTED:
        return unquoted(below)
    return _trimmed(below) + str(section.more.get("end", ""))


def _trimmed(lines: list[str]) -> str:
    """Return lines without blank ones before and after them."""
    filled = [at for at, line in enumerate(lines) if line.strip()]
    return "\n".join(lines[filled[0] : filled[-1] + 1]) if filled else ""


def _value(text: str) -> Any:
    """Return a value in JSON, or the text that somebody has written in place of it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
