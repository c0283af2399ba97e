"""The export of documents: gathered, and written in a format, as one viewer reads them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from auth.session import Transaction, ViewerSession
from db.core.projects import Project
from db.problem import Problem
from graph.requirements.exchange.model.draft import Draft, Progress
from graph.requirements.exchange.registry import Written, format_of, write
from graph.requirements.exchange.store.gather import gather
from graph.requirements.exchange.store.kept import imports_of, keep_export
from graph.requirements.exchange.store.selection import selection_of
from graph.requirements.printing.job import PRINTED, printed


@dataclass(frozen=True)
class Exported:
    """A file that was written, what is in it, and the name that it gets."""

    project: UUID
    format: str
    draft: Draft
    written: Written
    name: str
    is_returnable: bool
    """True if it holds present values, which are compared when the file comes back."""

    async def keep(self, transaction: Transaction, id: UUID) -> None:
        """Keep the versions of what is in the file under an ID, so that it can be returned."""
        if self.is_returnable:
            await keep_export(transaction, id, self.project, self.draft, self.format, self.name)


async def export(
    session: ViewerSession, options: Mapping[str, Any], progress: Progress
) -> Exported:
    """Return the documents of a project as a file. `options` are those of `exportStart`, as stored.

    Raises NOT_FOUND, and INVALID for what cannot be written.
    """
    project, format = UUID(options["projectId"]), options["format"]
    document = UUID(options["documentId"]) if options.get("documentId") else None
    selection = await selection_of(session, project, options)
    draft = await gather(session, project, document, progress=progress, selection=selection)
    if document and not draft.documents:
        raise Problem("INVALID", "No requirement of the document matches the filter.")
    name = draft.documents[0].name if document else await _project_name(session, project)
    is_printed, is_proposal = format in PRINTED, bool(options.get("changeSetId"))
    if is_printed:
        written = await printed(session, draft, selection, options, name)
    else:
        kept = await imports_of(session, project, format, draft, is_proposal=is_proposal)
        written = await asyncio.to_thread(write, draft, format, name, kept)
    file = f"{name[:200]}{written.ending}"
    return Exported(project, format, draft, written, file, not is_proposal and not is_printed)


def exported_format(name: str, given: str | None) -> str:
    """Return the format given, or the one of the ending of a file to write. Raises INVALID."""
    ending = Path(name).suffix.lower().removeprefix(".")
    wanted = given or ending
    return wanted if wanted in PRINTED else format_of(name, given)


async def _project_name(session: ViewerSession, id: UUID) -> str:
    rows = await session.rows(Project, Project.id == id, limit=1)
    if not rows:
        raise Problem("NOT_FOUND", "There is no such project.")
    name: str = rows[0].name
    return name
