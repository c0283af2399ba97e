"""Making copies of documents and projects, for requests and for jobs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auth.session import Transaction, ViewerSession
from db.core.organizations import Organization
from db.core.projects import Project
from db.problem import Problem
from db.requirements.collaboration import TraceLink
from db.requirements.documents import Block, Document
from db.requirements.numbering import NumberingRule
from db.requirements.properties import Column
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase
from graph.kit.items import Item, create_rows
from graph.requirements.copying.contents import Copying, Options, no_progress
from graph.requirements.copying.properties import PropertyCopies
from graph.requirements.copying.tests import copy_tests
from graph.requirements.exchange.store.slugs import free_slug
from graph.requirements.nested import prepare_documents

MAX_DOCUMENTS = 500
"""The most documents of a project that is copied."""
Show = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Made:
    """A copy: its row, the numbers of objects in it, and the names of properties it lacks."""

    row: Any
    counts: Mapping[str, int]
    omitted: list[str]


async def copy_document(
    transaction: Transaction,
    session: ViewerSession,
    id: UUID,
    values: dict[str, Any],
    options: Options,
    show: Show = no_progress,
) -> Made:
    """Copy a document with these values of columns. Raises the Problems of creating one."""
    source = await transaction.find(Document, id, lock=False)
    values.setdefault("project_id", source.project_id)
    values.setdefault("name", source.name)
    if "slug" not in values:
        values["slug"] = await free_slug(transaction, values["project_id"], values["name"], ())
    for name in ("description", "tags"):
        values[name] = getattr(source, name)
    item = Item(values)
    await create_rows(transaction, Document, (Project, "project_id"), [item], prepare_documents)
    document = item.require()
    if document.organization_id != source.organization_id:
        message = "The project is in another organization."
        raise Problem("INVALID", message, field=["project_id"])
    transaction.add(document)
    await transaction.flush()
    project = await transaction.find(Project, document.project_id, lock=False)
    new = {source.id: document}
    properties = PropertyCopies(transaction, project, new)
    copying = Copying(transaction, project, options, new, properties, show=show)
    await _copy(session, copying, None)
    return Made(document, _counts(copying), sorted(properties.omitted))


async def copy_project(
    transaction: Transaction,
    session: ViewerSession,
    id: UUID,
    values: dict[str, Any],
    options: Options,
    show: Show = no_progress,
) -> Made:
    """Copy a project with these values of columns. Raises the Problems of creating one."""
    source = await transaction.find(Project, id, lock=False)
    kept = ("description", "settings", "strict_properties", "quality_settings", "tags")
    values = {name: getattr(source, name) for name in kept} | values
    item = Item({"organization_id": source.organization_id, **values})
    await create_rows(transaction, Project, (Organization, "organization_id"), [item])
    project = item.require()
    transaction.add(project)
    await transaction.flush()
    new = await _documents(transaction, source, project)
    await _rules(transaction, source, project, new)
    properties = PropertyCopies(transaction, project, new)
    await properties.of_project(source.id)
    copying = Copying(transaction, project, options, new, properties, show=show)
    await _copy(session, copying, source.id)
    return Made(project, _counts(copying), [])


async def _copy(session: ViewerSession, copying: Copying, of_project: UUID | None) -> None:
    await copying.run()
    if copying.options.tests:
        await copy_tests(copying, session, of_project)
    if copying.options.links:
        await copying.links()


def _counts(copying: Copying) -> dict[str, int]:
    models = (Block, Requirement, Column, TraceLink, TestCase)
    names = ("blocks", "requirements", "columns", "trace_links", "test_cases")
    counts = (copying.counts.get(model, 0) for model in models)
    return {"documents": len(copying.documents), **dict(zip(names, counts, strict=True))}


async def _documents(
    transaction: Transaction, source: Project, project: Project
) -> dict[UUID, Document]:
    """Create the documents of the copy; return each by the ID of the one that it is a copy of."""
    here = Document.project_id == source.id
    documents = await transaction.find_all(Document, here, limit=MAX_DOCUMENTS + 1, lock=False)
    if len(documents) > MAX_DOCUMENTS:
        message = f"A copy has at most {MAX_DOCUMENTS} documents."
        raise Problem("LIMIT_REACHED", message, maximum=MAX_DOCUMENTS)
    kept = ("name", "slug", "description", "tags", "external_id", "position")
    new = {
        row.id: Document(
            organization_id=project.organization_id,
            project_id=project.id,
            **{name: getattr(row, name) for name in kept},
        )
        for row in documents
    }
    transaction.add(*new.values())
    await transaction.flush()
    return new


async def _rules(
    transaction: Transaction, source: Project, project: Project, new: dict[UUID, Document]
) -> None:
    """Copy the numbering rules of a project, and those of its documents."""
    here = NumberingRule.project_id == source.id
    for row in await transaction.find_all(NumberingRule, here, lock=False):
        if row.document_id and row.document_id not in new:
            continue
        rule = NumberingRule(
            organization_id=project.organization_id,
            project_id=project.id,
            document_id=new[row.document_id].id if row.document_id else None,
            **{name: getattr(row, name) for name in ("numbers", "level", "prefix", "width")},
        )
        transaction.add(rule)
    await transaction.flush()
