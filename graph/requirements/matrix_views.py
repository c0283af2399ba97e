"""Saved views of the test matrix of a project, of which one is the default."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.session import Transaction
from auth.session.write.db_errors import missing
from db.core.projects import Project as ProjectRow
from db.requirements import testing as db
from db.requirements.documents import Document as DocumentRow
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, unrefused
from graph.kit.json_items import stored_as
from graph.kit.mutations import Place, create, delete, restore, update
from graph.kit.node import Node
from graph.requirements.matrix_configuration import (
    TestMatrixConfiguration,
    TestMatrixConfigurationInput,
    as_stored,
    configured,
    of_stored,
    shown,
)


@strawberry.type(description="A saved view of the test matrix of a project.")
class TestMatrixView(Authored, Node):
    __test__ = False
    model = db.TestMatrixView

    name: str = described("The name of the view.")
    is_active: bool = described("Whether the view is in use.")
    is_default: bool = described(
        "Whether the view is the default of the project, which has at most one."
    )
    organization_id: UUID = described("The ID of the organization of the view.")
    project_id: UUID = described("The ID of the project of the view.")
    project: Project | None = to_one("project_id", ProjectRow, Project, "The project of the view.")

    @computed("configuration", text="The configuration of the view.")
    def configuration(root: strawberry.Parent[Any]) -> TestMatrixConfiguration:  # noqa: N805
        return shown(of_stored(root.configuration))


TestMatrixViewFilterInput = filter_input(
    TestMatrixView, "id", "project_id", "name", "is_active", "is_default", "created_at"
)
TestMatrixViewOrderInput = order_input(TestMatrixView, "name", "created_at", "updated_at")


def _stored(input: Any, place: Place) -> dict[str, Any]:
    return as_stored(configured(input, place))


@input_for(TestMatrixView, "A view of a test matrix to create in a project.")
class TestMatrixViewCreateInput:
    __test__ = False

    project_id: UUID
    name: str
    configuration: TestMatrixConfigurationInput | None = stored_as(_stored, default=UNSET)
    is_active: bool = True
    is_default: bool = False


@input_for(TestMatrixView, "The fields of a view of a test matrix to change.")
class TestMatrixViewUpdateInput:
    __test__ = False

    name: Maybe[str]
    configuration: Maybe[TestMatrixConfigurationInput] = stored_as(_stored)
    is_active: Maybe[bool]
    is_default: Maybe[bool]


async def _require_documents(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    """Refuse documents that are not in the project, or that the viewer cannot read."""
    named = {item: _documents(item) for item in items}
    ids = {id for ids in named.values() for id in ids}
    documents = await transaction.find_by_id(
        DocumentRow, ids, lock=False, to_create=db.TestMatrixView
    )
    for item, ids in named.items():
        projects = {document and document.project_id for document in map(documents.get, ids)}
        if projects - {item.row.project_id}:
            item.refuse(missing(DocumentRow, ["configuration", "document_ids"]))


def _documents(item: Item) -> set[UUID]:
    return set(of_stored(item.values.get("configuration", {})).document_ids)


async def _prepare(transaction: Transaction, items: Sequence[Item], found: Found) -> None:
    """Check new views, and let the former default of the project give way to a new one."""
    await _require_documents(transaction, items, found)
    for item in unrefused(items):
        if item.row.is_default:
            await _give_way(transaction, item.row.project_id, item.row.id)


async def _find(transaction: Transaction, items: Sequence[Item]) -> Found:
    """Return the views to change; a former default gives way before another one takes its place."""
    found = await transaction.find_by_id(db.TestMatrixView, [item.id for item in items if item.id])
    for item in items:
        row = found.get(item.id) if item.id else None
        if row is not None and item.values.get("is_default"):
            await _give_way(transaction, row.project_id, row.id)
    return found


async def _give_way(transaction: Transaction, project_id: UUID, id: UUID) -> None:
    views = await transaction.find_all(
        db.TestMatrixView,
        db.TestMatrixView.project_id == project_id,
        db.TestMatrixView.is_default.is_(True),
        db.TestMatrixView.id != id,
    )
    for view in views:
        transaction.change(view, None, is_default=False)
    if views:
        await transaction.flush()


extend_type(
    Project,
    test_matrix_views=connection(
        db.TestMatrixView,
        TestMatrixView,
        TestMatrixViewFilterInput,
        TestMatrixViewOrderInput,
        "The saved views of the test matrix of the project.",
        key="project_id",
    ),
)


@strawberry.type
class Query:
    test_matrix_view = by_id(
        db.TestMatrixView, TestMatrixView, "Look up a view of a test matrix by its ID."
    )


@strawberry.type
class Mutation:
    test_matrix_view_create = create(
        TestMatrixView,
        TestMatrixViewCreateInput,
        "Create a view of the test matrix of a project. A new default view replaces the former.",
        within=(ProjectRow, "project_id"),
        prepare=_prepare,
    )
    test_matrix_view_update = update(
        TestMatrixView,
        TestMatrixViewUpdateInput,
        "Update a view of a test matrix. A new default view replaces the former.",
        prepare=_require_documents,
        find=_find,
    )
    test_matrix_view_delete = delete(
        TestMatrixView, "Delete a view of a test matrix. It can be restored."
    )
    test_matrix_view_restore = restore(TestMatrixView, "Restore a deleted view of a test matrix.")
