"""The import of a file: read, compared and written by one viewer, in one transaction."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from auth.session import Transaction, ViewerSession
from db.core.projects import Project
from db.problem import Problem
from db.requirements.documents import Document
from db.requirements.properties import PropertyType
from graph.requirements.exchange.files.source import Source, load
from graph.requirements.exchange.model.draft import (
    Draft,
    DraftProperty,
    Limits,
    Progress,
    fitting_name,
    refused,
)
from graph.requirements.exchange.model.fields import TYPED, plain_name, untyped
from graph.requirements.exchange.registry import format_of, read_as
from graph.requirements.exchange.result import ImportResult
from graph.requirements.exchange.store.apply import apply
from graph.requirements.exchange.store.kept import keep_import
from graph.requirements.exchange.store.typed import property_of
from graph.requirements.exchange.tables.cells import parted

PATIENCE = 900.0
"""Seconds that the events of many rows may take to enter the feed."""


@dataclass(frozen=True)
class ImportOptions:
    """The options of an import.

    `document` is the name of the document, and `document_id` the ID of an existing one to extend.
    `format` defaults to that of the file's ending; `columns` maps columns or attributes to fields
    (`parse_map`); `delimiter` and `encoding` are those of a CSV file, the latter if it is not
    Unicode. `dry_run` rolls everything back at the end.
    """

    document: str | None = None
    document_id: UUID | None = None
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str | None = None
    dry_run: bool = False
    limits: Limits = field(default_factory=Limits)


def silent(_what: str, _done: int, _of: int) -> None:
    """Ignore progress."""


async def import_file(
    session: ViewerSession,
    project: UUID,
    path: Path,
    options: ImportOptions | None = None,
    progress: Progress = silent,
) -> ImportResult:
    """Import a file from disk into a project, as the viewer of the session.

    Raises INVALID for a file that cannot be imported, in one sentence with the fault and its place;
    NOT_FOUND and FORBIDDEN as every write does. Nothing has changed then.
    """
    options = options or ImportOptions()
    source = await asyncio.to_thread(load, path, options.limits)
    return await import_source(session, project, source, options, progress)


async def import_source(
    session: ViewerSession,
    project: UUID,
    source: Source,
    options: ImportOptions,
    progress: Progress = silent,
) -> ImportResult:
    """Import the bytes of a file, as `import_file` does."""
    draft = await asyncio.to_thread(read, source, options)
    return await import_draft(session, project, source, draft, options, progress)


async def import_draft(
    session: ViewerSession,
    project: UUID,
    source: Source,
    draft: Draft,
    options: ImportOptions,
    progress: Progress = silent,
) -> ImportResult:
    """Import the draft of a file, as `import_file` does.

    Until it ends, other writers of the same documents wait, and get BUSY after the lock timeout.
    """
    with explained(source):
        async with session.transaction() as transaction:
            result = await write(transaction, project, source, draft, options, progress)
            if options.dry_run:
                await transaction.abandon()
            else:
                await transaction.run_deferred(PATIENCE)
    return result


async def write(
    transaction: Transaction,
    project: UUID,
    source: Source,
    draft: Draft,
    options: ImportOptions,
    progress: Progress = silent,
) -> ImportResult:
    """Write the draft of a file in a transaction, which the caller ends within `explained`."""
    result = ImportResult(source.name, options.dry_run, draft.counts, notes=draft.notes)
    # Locked, so that imports into one project take turns: each finds what others made.
    target = await transaction.find(Project, project, to_create=Document)
    written = await apply(transaction, target, draft, result, progress)
    if not options.dry_run:
        format = format_of(source.name, options.format)
        kept = {name: getattr(options, name) for name in ("columns", "delimiter", "encoding")}
        kept["columns"] = dict(options.columns)
        await keep_import(transaction, project, source, format, kept, written)
    return result


@contextmanager
def explained(source: Source) -> Iterator[None]:
    """Raise the problems of the block in the terms of an import."""
    try:
        yield
    except Problem as problem:
        raise _explained(source, problem) from None


def _explained(source: Source, problem: Problem) -> Problem:
    """Return the problem of a duplicate key in the terms of an import; others unchanged."""
    if problem.code == "ALREADY_EXISTS" and problem.field == ("external_id",):
        message = (
            f"{source.name}: an id of the file belongs to a requirement that is hidden, because"
            " its block was deleted; restore the block first."
        )
        return Problem("ALREADY_EXISTS", message, field=("file",))
    if problem.code == "ALREADY_EXISTS" and problem.field == ("slug",):
        message = f"{source.name}: somebody else just created a document of this name; try again."
        return Problem("BUSY", message)
    return problem


def read(source: Source, options: ImportOptions) -> Draft:
    """Return the draft of the file, without access to the store. Raises INVALID."""
    draft = read_as(
        format_of(source.name, options.format),
        source,
        chosen=untyped(options.columns),
        limits=options.limits,
        delimiter=options.delimiter,
        encoding=options.encoding,
    )
    draft.properties |= {each.key: each for each in _typed(draft, options.columns)}
    if options.document is not None or options.document_id is not None:
        if len(draft.documents) != 1:
            message = f"one document cannot take all of the {len(draft.documents)} in the file."
            raise refused(source.name, message)
        (document,) = draft.documents
        document.name = fitting_name(options.document or document.name)
        document.id = options.document_id
    return draft


def _typed(draft: Draft, columns: Mapping[str, str]) -> Iterator[DraftProperty]:
    """Yield the properties that columns are mapped to, with the choices that the file has."""
    for column, target in columns.items():
        if target not in TYPED:
            continue
        key, type_ = plain_name(column) if draft.textual else column, TYPED[target]
        choices: list[str] = []
        if type_ in (PropertyType.SELECT, PropertyType.MULTI_SELECT):
            values = (
                each.properties.get(key) for one in draft.documents for each in one.requirements
            )
            choices = [text for value in values for text in _choices(type_, value)]
        if found := property_of(key, type_, choices):
            yield found


def _choices(type_: PropertyType, value: Any) -> list[str]:
    """Return the choices that a value of a file names."""
    if isinstance(value, list):
        return [each for each in value if isinstance(each, str)]
    if not isinstance(value, str):
        return []
    return parted(value) if type_ is PropertyType.MULTI_SELECT else [value]
