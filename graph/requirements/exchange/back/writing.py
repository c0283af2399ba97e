"""Imported files of other formats than ReqIF, in which only the edits of requirements differ."""

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import IO

from graph.requirements.exchange.back.edits import Edits, edits_of
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Draft, DraftRequirement
from graph.requirements.exchange.model.versions import KeptImport
from graph.requirements.exchange.registry import read_again

Back = Callable[[KeptImport, Edits], bytes | None]
"""Returns a file with its edits; None if it has no place for them."""


def write_edited(
    draft: Draft, kept: Sequence[KeptImport], file: IO[bytes], back: Back
) -> str | None:
    """Write the one file that a draft was imported from, with the edits of its requirements.

    `back` changes the file. What it returns is read again, and counts only if that says what is
    stored. Returns the ending of the file; None if it cannot hold the edits.
    """
    data = _edited(draft, kept[0], back) if len(kept) == 1 else None
    if data is None:
        return None
    file.write(data)
    return PurePath(kept[0].source.name).suffix


def _edited(draft: Draft, kept: KeptImport, back: Back) -> bytes | None:
    before = read_again(kept)
    rows = {each.id: each for each in draft.documents if each.id}
    ids = [one.id for one in kept.versions.documents]
    if len(before.documents) != len(ids) or set(rows) != set(ids):
        return None
    documents = {place: rows[id] for place, id in enumerate(ids)}
    stored = {
        each.stored.id: each
        for document in draft.documents
        for each in document.requirements
        if each.stored
    }

    def found(place: int, each: DraftRequirement) -> DraftRequirement | None:
        known = kept.versions.requirements[place].get(each.external_id or "")
        return stored.get(known.id) if known else None

    def is_same(place: int, each: DraftRequirement, row: DraftRequirement) -> bool:
        known = kept.versions.requirements[place][each.external_id or ""]
        return not kept.is_compared and known == row.stored

    edits = edits_of(before, draft, documents, found, is_same)
    del before  # the edits hold what differs
    data = back(kept, edits) if edits is not None else None
    if data is None:
        return None
    del edits
    after = read_again(kept, Source(kept.source.name, data))
    named = [
        {each.external_id: each for each in documents[place].requirements}
        for place in range(len(ids))
    ]
    if len(after.documents) != len(ids):
        return None
    left = edits_of(
        after,
        draft,
        documents,
        lambda place, each: named[place].get(each.external_id),
        lambda *_: False,
    )
    return data if left is not None and not left else None
