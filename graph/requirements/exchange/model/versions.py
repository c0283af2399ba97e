"""The rows that the parts of a draft are, and their versions, in a form that can be stored."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from db.requirements.documents import Document
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Draft, DraftLink, StoredAs


@dataclass(frozen=True)
class Written:
    """The rows of an import: documents in the order of the draft, others by external ID."""

    documents: Sequence[Document]
    blocks: Mapping[UUID, Mapping[str, StoredAs]]
    requirements: Mapping[UUID, Mapping[str, StoredAs]]
    links: Sequence[tuple[DraftLink, StoredAs]]


@dataclass
class Versions:
    """The rows of a file, by what names them in it. Rows of documents are in their order.

    `links` are named by source, target and type.
    """

    documents: list[StoredAs] = field(default_factory=list)
    blocks: list[dict[str, StoredAs]] = field(default_factory=list)
    requirements: list[dict[str, StoredAs]] = field(default_factory=list)
    links: dict[tuple[str, str, str], StoredAs] = field(default_factory=dict)

    @classmethod
    def of_import(cls, written: Written) -> "Versions":
        """Return the versions of the rows after an import."""
        return cls(
            [StoredAs(row.id, row.version) for row in written.documents],
            [dict(written.blocks.get(row.id, {})) for row in written.documents],
            [dict(written.requirements.get(row.id, {})) for row in written.documents],
            {_name(link): one for link, one in written.links},
        )

    @classmethod
    def of_export(cls, draft: Draft) -> "Versions":
        """Return the versions of the rows that a draft was gathered from."""
        return cls(
            [each.stored for each in draft.documents if each.stored],
            [_known(each.blocks) for each in draft.documents],
            [_known(each.requirements) for each in draft.documents],
            {_name(link): link.stored for link in draft.links if link.stored},
        )

    def packed(self) -> bytes:
        """Return them as compressed JSON."""
        content = {
            "documents": [_pair(one) for one in self.documents],
            "blocks": [_pairs(each) for each in self.blocks],
            "requirements": [_pairs(each) for each in self.requirements],
            "links": [[*name, *_pair(one)] for name, one in self.links.items()],
        }
        return zlib.compress(orjson.dumps(content))

    @classmethod
    def unpacked(cls, data: bytes) -> "Versions":
        """Return what `packed` stored."""
        content = orjson.loads(zlib.decompress(data))
        return cls(
            [_read(pair) for pair in content["documents"]],
            [_read_all(each) for each in content["blocks"]],
            [_read_all(each) for each in content["requirements"]],
            {(s, t, type_): _read(pair) for s, t, type_, *pair in content["links"]},
        )

    def by_row(self) -> dict[UUID, int]:
        """Return the version of every row."""
        every = [*self.documents, *self.links.values()]
        for part in (*self.blocks, *self.requirements):
            every += part.values()
        return {one.id: one.version for one in every}


def _name(link: DraftLink) -> tuple[str, str, str]:
    return link.source, link.target, link.type.value


def _known(parts: Sequence[Any]) -> dict[str, StoredAs]:
    return {each.external_id: each.stored for each in parts if each.stored}


def _pair(one: StoredAs) -> list[Any]:
    return [str(one.id), one.version]


def _pairs(ones: Mapping[str, StoredAs]) -> dict[str, list[Any]]:
    return {name: _pair(one) for name, one in ones.items()}


def _read(pair: Sequence[Any]) -> StoredAs:
    return StoredAs(UUID(pair[0]), pair[1])


def _read_all(pairs: Mapping[str, Sequence[Any]]) -> dict[str, StoredAs]:
    return {name: _read(pair) for name, pair in pairs.items()}


@dataclass(frozen=True)
class KeptImport:
    """A file that was imported: what it held, how it was read, and the rows it became.

    `is_compared` is whether rows are compared with it even if their versions are the same.
    """

    id: UUID
    source: Source
    format: str
    columns: Mapping[str, str]
    versions: Versions
    is_compared: bool = False
    delimiter: str | None = None
    encoding: str | None = None


def untouched(kept: Sequence[KeptImport], draft: Draft) -> Source | None:
    """Return the file of which a draft is all, unless a row of it was changed since."""
    if len(kept) != 1:
        return None
    (only,) = kept
    now = Versions.of_export(draft).by_row()
    return only.source if not only.is_compared and now == only.versions.by_row() else None
