"""The mutations that copy documents and projects."""

from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.session import Transaction
from db.core.organizations import Organization as OrganizationRow
from db.core.projects import Project as ProjectRow
from db.core.projects import Visibility
from db.problem import Problem
from db.requirements.collaboration import TraceLink as TraceLinkRow
from db.requirements.documents import Block as BlockRow
from db.requirements.documents import Document as DocumentRow
from db.requirements.numbering import NumberingRule as NumberingRuleRow
from db.requirements.properties import Column as ColumnRow
from db.requirements.requirements import Requirement as RequirementRow
from db.requirements.testing import TestCase as TestCaseRow
from graph.core.projects import Project
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.inputs import input_for
from graph.kit.items import Item, create_rows
from graph.kit.mutations import Input, given, mutation, writing
from graph.requirements.copying.contents import MAX_OBJECTS, Copying, Options
from graph.requirements.copying.properties import PropertyCopies
from graph.requirements.copying.tests import copy_tests
from graph.requirements.documents import Document
from graph.requirements.exchange.slugs import free_slug
from graph.requirements.nested import prepare_documents

MAX_DOCUMENTS = 500
"""The most documents of a project that is copied."""
OPTIONS = ("links", "tests", "numbers", "keep_status")
"""The fields of an input that are no columns."""


@strawberry.enum(description="The identifiers (`externalId`, `testId`) of copies.")
class CopyNumbers(Enum):
    KEEP = strawberry.enum_value(
        "keep",
        description="Copies have the identifiers of what they are copies of. A test case whose"
        " identifier is used in the target gets a number by the rules there.",
    )
    RENUMBER = strawberry.enum_value(
        "renumber",
        description="Copies get numbers by the numbering rules of the target, or no identifier"
        " where no rule applies.",
    )


def _option(default: Any, text: str) -> Any:
    return strawberry.field(default=default, description=text)


@input_for(Document, "A copy of a document.")
class DocumentCopyInput:
    project_id: UUID | None = _option(
        UNSET, "The ID of the project of the copy. The default is the project of the document."
    )
    name: str | None = _option(UNSET, "The name of the copy. The default is the document's.")
    slug: str | None = _option(
        UNSET, "The name of the copy in URLs. The default is made of the name."
    )
    links: bool = _option(True, "Whether to copy the trace links within the document.")
    tests: bool = _option(
        False,
        "Whether to copy the test cases that were executed for its requirements or are linked with"
        " its objects. Results are not copied: each copy gets an execution with the status NOT_RUN"
        " for each requirement.",
    )
    numbers: CopyNumbers = _option(CopyNumbers.KEEP, "The identifiers of the copies.")
    keep_status: bool = _option(
        False, "Whether requirements keep their status. By default copies are DRAFT."
    )


@input_for(Project, "A copy of a project.")
class ProjectCopyInput:
    name: str
    slug: str
    description: str | None = _option(
        UNSET, "The description of the copy. The default is the project's."
    )
    visibility: Visibility = Visibility.PRIVATE
    links: bool = _option(True, "Whether to copy the trace links within the project.")
    tests: bool = _option(
        True,
        "Whether to copy the test cases of the project. Results are not copied: each copy gets an"
        " execution with the status NOT_RUN for each requirement that it was executed for.",
    )
    numbers: CopyNumbers = _option(CopyNumbers.KEEP, "The identifiers of the copies.")
    keep_status: bool = _option(
        False, "Whether requirements keep their status. By default copies are DRAFT."
    )


@strawberry.type(description="The numbers of objects that were copied.")
class CopyCounts:
    documents: int = described("The number of documents.")
    blocks: int = described("The number of blocks.")
    requirements: int = described("The number of requirements.")
    columns: int = described("The number of columns of tables.")
    trace_links: int = described("The number of trace links.")
    test_cases: int = described("The number of test cases.")


@strawberry.type(description="The result of copying a document.")
class DocumentCopyPayload:
    document: Document = described("The new document.")
    counts: CopyCounts = described("The numbers of objects that were copied.")
    omitted_properties: list[str] = described(
        "The names of properties that the target does not have and the viewer may not define there."
        " Requirements have their values, and tables do not show them."
    )


@strawberry.type(description="The result of copying a project.")
class ProjectCopyPayload:
    project: Project = described("The new project.")
    counts: CopyCounts = described("The numbers of objects that were copied.")


def _options(input: Any) -> Options:
    return Options(
        links=input.links,
        tests=input.tests,
        renumber=input.numbers is CopyNumbers.RENUMBER,
        keep_status=input.keep_status,
    )


def _columns(input: Any) -> dict[str, Any]:
    return {name: value for name, value in given(input).items() if name not in OPTIONS}


def _counts(copying: Copying) -> CopyCounts:
    models = (BlockRow, RequirementRow, ColumnRow, TraceLinkRow, TestCaseRow)
    blocks, requirements, columns, links, cases = (copying.counts.get(m, 0) for m in models)
    return CopyCounts(
        documents=len(copying.documents),
        blocks=blocks,
        requirements=requirements,
        columns=columns,
        trace_links=links,
        test_cases=cases,
    )


async def _copy(info: Info, copying: Copying, of_project: UUID | None) -> None:
    await copying.run()
    if copying.options.tests:
        await copy_tests(copying, info.context.session, of_project)
    if copying.options.links:
        await copying.links()


async def document_copy(info: Info, id: Id, input: Input[DocumentCopyInput]) -> Any:
    values = _columns(input)
    async with writing(info) as transaction:
        source = await transaction.find(DocumentRow, id, lock=False)
        values.setdefault("project_id", source.project_id)
        values.setdefault("name", source.name)
        if "slug" not in values:
            values["slug"] = await free_slug(transaction, values["project_id"], values["name"], ())
        for name in ("description", "tags"):
            values[name] = getattr(source, name)
        item = Item(values)
        within = (ProjectRow, "project_id")
        await create_rows(transaction, DocumentRow, within, [item], prepare_documents)
        document = item.require()
        if document.organization_id != source.organization_id:
            message = "The project is in another organization."
            raise Problem("INVALID", message, field=["project_id"])
        transaction.add(document)
        await transaction.flush()
        project = await transaction.find(ProjectRow, document.project_id, lock=False)
        new = {source.id: document}
        properties = PropertyCopies(transaction, project, new)
        copying = Copying(transaction, project, _options(input), new, properties)
        await _copy(info, copying, None)
    return DocumentCopyPayload(
        document=document,
        counts=_counts(copying),
        omitted_properties=sorted(properties.omitted),
    )


async def project_copy(info: Info, id: Id, input: Input[ProjectCopyInput]) -> Any:
    async with writing(info) as transaction:
        source = await transaction.find(ProjectRow, id, lock=False)
        kept = ("description", "settings", "strict_properties", "quality_settings", "tags")
        values = {name: getattr(source, name) for name in kept} | _columns(input)
        item = Item({"organization_id": source.organization_id, **values})
        within = (OrganizationRow, "organization_id")
        await create_rows(transaction, ProjectRow, within, [item])
        project = item.require()
        transaction.add(project)
        await transaction.flush()
        new = await _documents(transaction, source, project)
        await _rules(transaction, source, project, new)
        properties = PropertyCopies(transaction, project, new)
        await properties.of_project(source.id)
        copying = Copying(transaction, project, _options(input), new, properties)
        await _copy(info, copying, source.id)
    return ProjectCopyPayload(project=project, counts=_counts(copying))


async def _documents(
    transaction: Transaction, source: ProjectRow, project: ProjectRow
) -> dict[UUID, DocumentRow]:
    """Create the documents of the copy; return each by the ID of the one that it is a copy of."""
    here = DocumentRow.project_id == source.id
    documents = await transaction.find_all(DocumentRow, here, limit=MAX_DOCUMENTS + 1, lock=False)
    if len(documents) > MAX_DOCUMENTS:
        message = f"A copy has at most {MAX_DOCUMENTS} documents."
        raise Problem("LIMIT_REACHED", message, maximum=MAX_DOCUMENTS)
    kept = ("name", "slug", "description", "tags", "external_id", "position")
    new = {
        row.id: DocumentRow(
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
    transaction: Transaction, source: ProjectRow, project: ProjectRow, new: dict[UUID, DocumentRow]
) -> None:
    """Copy the numbering rules of a project, and those of its documents."""
    here = NumberingRuleRow.project_id == source.id
    for row in await transaction.find_all(NumberingRuleRow, here, lock=False):
        if row.document_id and row.document_id not in new:
            continue
        rule = NumberingRuleRow(
            organization_id=project.organization_id,
            project_id=project.id,
            document_id=new[row.document_id].id if row.document_id else None,
            **{name: getattr(row, name) for name in ("numbers", "level", "prefix", "width")},
        )
        transaction.add(rule)
    await transaction.flush()


@strawberry.type
class Mutation:
    document_copy = mutation(
        document_copy,
        DocumentCopyPayload,
        "Copy a document with its blocks, requirements and tables, in its project or to another one"
        f" of the organization, all or nothing. At most {MAX_OBJECTS} blocks and requirements.",
    )
    project_copy = mutation(
        project_copy,
        ProjectCopyPayload,
        "Copy a project with its documents, properties and numbering rules, all or nothing. Members"
        f" are not copied. At most {MAX_OBJECTS} blocks and requirements.",
    )
