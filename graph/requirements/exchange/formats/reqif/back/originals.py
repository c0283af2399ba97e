"""Exports to ReqIF of documents that were imported from it: their files, and one for all others."""

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO
from urllib.parse import quote
from uuid import UUID

from graph.requirements.exchange.files.archives import add_member, is_archive, members, unpacked
from graph.requirements.exchange.files.content import PIECE, Content
from graph.requirements.exchange.files.nodes import encoding_of, in_encoding, in_utf8
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.files.spill import content_of, temporary
from graph.requirements.exchange.formats.reqif.back.file import FileBack
from graph.requirements.exchange.formats.reqif.back.original import Original, OriginalFile
from graph.requirements.exchange.formats.reqif.reader import read_files
from graph.requirements.exchange.formats.reqif.writer import compact, write_reqif
from graph.requirements.exchange.model.draft import Draft, DraftDocument, DraftLink, Limits
from graph.requirements.exchange.model.fields import untyped
from graph.requirements.exchange.model.versions import KeptImport

OTHERS = "gateway.reqif"
"""The file of the documents that were not imported from ReqIF."""


@dataclass
class _Import:
    """One import: its files, their encodings, and the documents that are exported."""

    kept: KeptImport
    documents: dict[int, DraftDocument]
    files: list[tuple[str, OriginalFile, str]] = field(default_factory=list)
    """The name of each file in an archive, or an empty text; and its encoding."""
    names: dict[UUID, str] = field(default_factory=dict)


def write_back(
    draft: Draft,
    kept: Sequence[KeptImport],
    title: str,
    file: IO[bytes],
    at: datetime | None = None,
) -> str:
    """Write a draft as a ReqIF file or an archive of several; return the ending of its name.

    `kept` are the imports of its documents, the newest first.
    """
    at = at or datetime.now(UTC)
    left = {each.stored.id: each for each in draft.documents if each.stored}
    imports: list[_Import] = []
    for each in kept:
        ids = [one.id for one in each.versions.documents]
        documents = {place: left[id] for place, id in enumerate(ids) if id in left}
        found = _Import(each, documents)
        if documents and _open(found, draft, at.isoformat(timespec="seconds")):
            imports.append(found)
            left = {id: one for id, one in left.items() if id not in ids}
    others = _others(draft, imports, list(left.values()))
    for one in imports:
        for _, original, _ in one.files:
            original.write()
    if not others.documents and len(imports) == 1 and not is_archive(imports[0].kept.source):
        file.writelines(_parts(imports[0])[0][1])
        return compact(file)
    more = None
    if others.documents:
        with temporary() as own:
            write_reqif(others, title, own, at, _elsewhere(draft, imports))
            own.seek(0)
            more = content_of(iter(lambda: own.read(PIECE), b""))
    _archive(file, imports, more)
    return ".reqifz"


def _open(found: _Import, draft: Draft, at: str) -> bool:
    """Read the files of an import; return whether they are as they were when imported."""
    source, versions = found.kept.source, found.kept.versions
    read, readers = read_files(
        source, chosen=untyped(found.kept.columns), limits=Limits(), is_outline=True
    )
    if len(read.documents) != len(versions.documents):
        return False
    places = {id(document): place for place, document in enumerate(read.documents)}
    is_compared = found.kept.is_compared
    original = Original(draft, read, versions, places, found.documents, is_compared, found.names)
    most = Limits().unpacked
    sources = unpacked(source, most, ".reqif")[0] if is_archive(source) else [source]
    for part, reader in zip(sources, readers, strict=True):
        back = FileBack(reader, in_utf8(part.content), draft, at)
        name = part.name.removeprefix(f"{source.name}/") if is_archive(source) else ""
        found.files.append((name, OriginalFile(back, original), encoding_of(part.content[:200])))
    for _, file, _ in found.files:
        file.match()
    for _, file, _ in found.files:
        file.name_new()
    return True


def _others(draft: Draft, imports: Sequence[_Import], documents: list[DraftDocument]) -> Draft:
    """Write the links of the imports; return what is in none of their files."""
    names = {id: name for each in imports for id, name in each.names.items()}
    of_row = {
        each.external_id: each.stored.id
        for document in reversed(draft.documents)
        for each in reversed(document.parts)
        if each.stored and each.external_id
    }
    links = {link.stored.id: link for link in draft.links if link.stored}
    known = {name: name for name in names.values()}
    written: set[UUID] = set()
    for each in imports:
        for _, file, _ in each.files:
            written |= file.write_links(links, known)
    left: list[DraftLink] = []
    for link in draft.links:
        if link.stored and link.stored.id in written:
            continue
        ends = [names.get(of_row[end]) for end in (link.source, link.target)]
        holders = [file for one in imports for _, file, _ in one.files if ends[0] in file.new]
        if holders and ends[0] and ends[1]:
            holders[0].add_link(link, ends[0], ends[1])
        else:
            left.append(link)
    return replace(draft, documents=documents, links=left)


def _elsewhere(draft: Draft, imports: Sequence[_Import]) -> dict[str, str]:
    """Return the identifiers of the objects of imports by their external IDs."""
    names = {id: name for each in imports for id, name in each.names.items()}
    return {
        each.external_id: names[each.stored.id]
        for document in draft.documents
        for each in document.parts
        if each.external_id and each.stored and each.stored.id in names
    }


def _parts(found: _Import) -> list[tuple[str, Iterable[bytes]]]:
    """Return the name of each file of an import, and the file in parts."""
    return [(name, in_encoding(file.back.done(), encoding)) for name, file, encoding in found.files]


def _archive(file: IO[bytes], imports: Sequence[_Import], more: Content | None) -> None:
    """Write an archive of the files, with the attachments of those that came in one.

    Where a document of an import is left out, only attachments to which the others refer remain.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, one in enumerate(imports, 1):
            kept, is_whole = one.kept, len(one.documents) == len(one.kept.versions.documents)
            folder = f"{number}/" if len(imports) > 1 else ""
            changed = {name: content_of(parts) for name, parts in _parts(one)}
            if not is_archive(kept.source):
                add_member(archive, folder + _file_name(kept.source), *changed.values())
                continue
            for name, content in members(kept.source, Limits().unpacked):
                is_shown = is_whole or name in changed or _is_shown(name, changed.values())
                if not is_shown:
                    continue
                add_member(archive, folder + name, changed.get(name, content))
        if more is not None:
            add_member(archive, OTHERS, more)


def _is_shown(name: str, files: Iterable[Content]) -> bool:
    """Return whether one of the files refers to an attachment."""
    known = {name, PurePosixPath(name).name, quote(name)}
    return any(file.find(each.encode()) >= 0 for file in files for each in known)


def _file_name(source: Source) -> str:
    """Return the name of a file in an archive."""
    name = PurePosixPath(source.name.replace("\\", "/")).name
    stem = name.rpartition(".")[0] or name or "import"
    return f"{stem}.reqif"
