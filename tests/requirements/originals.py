"""Files of another tool, imported without a database, edited at random, and written back."""

import copy
from dataclasses import replace
from random import Random
from uuid import UUID

from db.requirements.collaboration import TraceLinkType
from db.requirements.requirements import RequirementStatus
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.importing import ImportOptions, read
from graph.requirements.exchange.model.draft import (
    DEFAULTS,
    Draft,
    DraftBlock,
    DraftLink,
    DraftRequirement,
    StoredAs,
    own_id,
    own_identifier,
)
from graph.requirements.exchange.model.versions import KeptImport, Versions
from graph.requirements.exchange.registry import write


class Kept:
    """A file as it was imported, and the draft that would be gathered of its rows."""

    def __init__(self, data: bytes, name: str = "file.reqif") -> None:
        self.source = Source(name, data)
        self.draft = self.number = None
        self.number = 0
        self.draft = stored(read(self.source, ImportOptions()), self.row)
        self.kept = KeptImport(
            UUID(int=1), self.source, "reqif", {}, Versions.of_export(self.draft)
        )

    def row(self) -> StoredAs:
        self.number += 1
        return StoredAs(UUID(int=self.number), 1)

    def written(self, draft: Draft) -> bytes:
        return write(draft, "reqif", "Title", [self.kept]).data


def stored(draft: Draft, row) -> Draft:
    """Return a draft as it is gathered after its import."""
    draft = copy.deepcopy(draft)
    for document in draft.documents:
        document.stored = row()
        document.id = document.stored.id
        document.external_id = document.external_id or own_identifier(document.id)
        document.description = document.description or None
        for part in document.parts:
            part.stored = row()
        for each in document.requirements:
            each.description = each.description or None
            each.tags = sorted(each.tags or [])
            each.properties = {k: v for k, v in each.properties.items() if v is not None}
            for name, default in DEFAULTS.items():
                setattr(each, name, getattr(each, name) or default)
    for link in draft.links:
        link.stored = row()
    return draft


def in_order(document) -> list[DraftRequirement]:
    """Return the requirements by the blocks that they are in, those of its name before others."""
    places = {None: -1} | {b.external_id: n for n, b in enumerate(document.blocks)}
    return sorted(document.requirements, key=lambda e: (places[e.block], e.external_id != e.block))


def plain(draft: Draft) -> list:
    """Return what is stored of a draft, without what names its rows."""
    rows = stored(draft, lambda: StoredAs(UUID(int=0), 1))
    found = [
        (
            document.name,
            None if own_id(document.external_id) else document.external_id,
            document.description,
            [(b.external_id, b.name, b.parent, b.content, b.type) for b in document.blocks],
            [replace(each, stored=None) for each in in_order(document)],
        )
        for document in rows.documents
        if document.parts or not document.name.endswith("(outside of specifications)")
    ]
    links = sorted((x.source, x.target, x.type, x.description or "") for x in rows.links)
    return [found, links]


WORDS = ["The car stops.", "<b>&\"'", "two  spaces", "a\nb", "é\x07", "=1+1", ""]


class Edits:
    """Random edits of the rows of a draft, as people make them."""

    def __init__(self, kept: Kept, random: Random) -> None:
        self.kept, self.random = kept, random
        self.draft = copy.deepcopy(kept.draft)
        self.edited: set[str] = set()

    def make(self, number: int, kinds: str = "tnspamdrl") -> Draft:
        for _ in range(number):
            getattr(self, f"_{self.random.choice(kinds)}")()
        for document in self.draft.documents:
            self._order(document)
        return self.draft

    def _change(self, part) -> None:
        part.stored = StoredAs(part.stored.id, part.stored.version + 1)
        self.edited.add(part.external_id)

    def _document(self):
        return self.random.choice(self.draft.documents)

    def _requirement(self):
        found = [r for d in self.draft.documents for r in d.requirements]
        return self.random.choice(found) if found else None

    def _t(self) -> None:
        if each := self._requirement():
            each.description = self.random.choice(WORDS).strip() or None
            self._change(each)

    def _n(self) -> None:
        found = [part for d in self.draft.documents for part in d.parts]
        if found:
            each = self.random.choice(found)
            each.name = f"Name {self.random.randrange(99)} <&>"
            self._change(each)

    def _s(self) -> None:
        if each := self._requirement():
            each.status = self.random.choice(list(RequirementStatus))
            self._change(each)

    def _p(self) -> None:
        if each := self._requirement():
            keys = [*each.properties, "Effort", "Note", "New"]
            key = self.random.choice(keys)
            value = self.random.choice([7, 2.5, True, "text", None, ["x", "y"], {"a": 1}])
            each.properties = {**each.properties, key: value}
            if value is None:
                del each.properties[key]
            self._change(each)

    def _a(self) -> None:
        document = self._document()
        above = self.random.choice([None, *(b.external_id for b in document.blocks)])
        row = self.kept.row()
        name = self.random.choice([f"N{row.id.int}", f"N {row.id.int}"])
        new = DraftRequirement("New", name, above, "Text", *DEFAULTS.values(), [], {}, row)
        new.status, new.priority = DEFAULTS["status"], DEFAULTS["priority"]
        new.level, new.format = DEFAULTS["level"], DEFAULTS["format"]
        document.requirements.append(new)

    def _d(self) -> None:
        document = self._document()
        if document.requirements:
            gone = self.random.choice(document.requirements)
            document.requirements.remove(gone)
            self._unlink()

    def _m(self) -> None:
        document = self._document()
        if document.requirements:
            each = self.random.choice(document.requirements)
            each.block = self.random.choice([None, *(b.external_id for b in document.blocks)])
            document.requirements.remove(each)
            document.requirements.insert(
                self.random.randrange(len(document.requirements) + 1), each
            )
            self._change(each)

    def _r(self) -> None:
        document = self._document()
        row = self.kept.row()
        above = self.random.choice([None, *(b.external_id for b in document.blocks)])
        document.blocks.append(DraftBlock(f"B{row.id.int}", "Heading", above, {}, None, row))

    def _l(self) -> None:
        ends = [p.external_id for d in self.draft.documents for p in d.parts]
        if len(set(ends)) < 2:
            return
        source, target = self.random.sample(sorted(set(ends)), 2)
        type_ = self.random.choice(list(TraceLinkType))
        if not any(
            (x.source, x.target, x.type) == (source, target, type_) for x in self.draft.links
        ):
            text = self.random.choice([None, "because"])
            self.draft.links.append(DraftLink(source, target, type_, text, self.kept.row()))

    def _unlink(self) -> None:
        ends = {p.external_id for d in self.draft.documents for p in d.parts}
        self.draft.links = [x for x in self.draft.links if {x.source, x.target} <= ends]

    def _order(self, document) -> None:
        """Put the rows in reading order, as they are gathered."""
        blocks: list[DraftBlock] = []

        def add(parent) -> None:
            for block in document.blocks:
                if block.parent == parent:
                    blocks.append(block)
                    add(block.external_id)

        add(None)
        document.blocks = blocks
        document.requirements = in_order(document)
