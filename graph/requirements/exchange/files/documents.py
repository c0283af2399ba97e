"""Formats in which each document is a file of text."""

import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import IO, Protocol, TypeVar

from graph.requirements.exchange.files.archives import is_archive, unpacked
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Draft, DraftDocument, DraftLink, Limits, refused
from graph.requirements.exchange.store.slugs import slug_of

Links = Mapping[str, list[DraftLink]]
"""The links of a draft by the external ID of their source."""


Edits = TypeVar("Edits")
"""The edits of one document."""


class Reader(Protocol):
    """The reader of a format, which adds to a draft."""

    def document(self, source: Source) -> None:
        """Add a document, and count its requirements. Raises INVALID."""

    def link(self) -> None:
        """Add the links, once all documents are known."""


def read_documents(
    source: Source, ending: str, limits: Limits, reader_of: Callable[[Draft], Reader]
) -> Draft:
    """Return the draft of a document, or of all in an archive. Raises INVALID, in one sentence."""
    draft = Draft(structured=True, counts={"documents": 0, "requirements": 0})
    files = unpacked(source, limits.size, ending)[0] if is_archive(source) else [source]
    if len(files) > limits.documents:
        raise refused(source.name, f"there are more than {limits.documents:,} documents.")
    reader = reader_of(draft)
    for file in files:
        reader.document(file)
        if draft.counts["requirements"] > limits.items:
            raise refused(source.name, f"there are more than {limits.items:,} requirements.")
    reader.link()
    draft.counts["documents"] = len(draft.documents)
    return draft


def write_documents(
    draft: Draft, file: IO[bytes], ending: str, text_of: Callable[[DraftDocument, Links], str]
) -> str:
    """Write the documents; return the ending of the file: `ending` for one, .zip for several."""
    links: dict[str, list[DraftLink]] = defaultdict(list)
    for link in draft.links:
        links[link.source].append(link)
    if len(draft.documents) == 1:
        file.write(text_of(draft.documents[0], links).encode())
        return ending
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, document in enumerate(draft.documents, start=1):
            name = f"{number:03}-{slug_of(document.name)}{ending}"
            archive.writestr(name, text_of(document, links))
    return ".zip"


def write_replaced(
    source: Source, edits: Mapping[str, Edits], written: Callable[[bytes, Edits], bytes | None]
) -> bytes | None:
    """Return a document, or an archive of several, with edits; None if one has no place for them.

    `edits` are those of each document by its name, which `written` writes.
    """
    if not is_archive(source):
        return written(source.data, edits[source.name]) if source.name in edits else source.data
    file = io.BytesIO()
    with (
        zipfile.ZipFile(source.opened()) as archive,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in archive.infolist():
            data: bytes | None = archive.read(member)
            name = f"{source.name}/{member.filename}"
            if data is not None and name in edits:
                data = written(data, edits[name])
            if data is None:
                return None
            target.writestr(member, data)
    return file.getvalue()
