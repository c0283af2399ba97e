"""Saved mappings of the columns of imported files."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.session import Transaction
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import import_mappings as db
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.json_items import CHECK, Place, json_items, shown_items, stored_as, text_field
from graph.kit.mutations import create, delete, restore, update
from graph.kit.node import Node
from graph.requirements.exchange.model.fields import TARGETS

MAX_COLUMNS = 500
FIELDS = ", ".join(f"`{target}`" for target in TARGETS)


def _target(value: str) -> str:
    if value not in TARGETS:
        raise ValueError(f"Must be one of {', '.join(TARGETS)}.")
    return value


def delimiter_of(text: str | None, place: Place = ("delimiter",)) -> str | None:
    """Return the delimiter of a CSV file. Raises INVALID for what is none."""
    if text is not None and (len(text) != 1 or text in '"\r\n'):
        raise Problem("INVALID", "A delimiter is one character.", field=place)
    return text


@strawberry.input(description="The field that a column or an attribute of a file is read as.")
class ColumnMappingInput:
    column: str = text_field("The name of the column or attribute.", required=True)
    field: str = strawberry.field(description=f"The field: {FIELDS}.", metadata={CHECK: _target})


@strawberry.type(description="The field that a column or an attribute of a file is read as.")
class ColumnMapping:
    column: str = described("The name of the column or attribute.")
    field: str = described(f"The field: {FIELDS}.")


@strawberry.type(
    description="A saved mapping of the columns of files that are imported into a project."
)
class ImportMapping(Authored, Node):
    model = db.ImportMapping

    name: str = described("The name of the mapping, unique within the project.")
    delimiter: str | None = described(
        "The delimiter of CSV files: one character; null to detect it."
    )
    encoding: str | None = described(
        "The encoding of CSV files that are not Unicode, such as `cp1252`; null to detect it."
    )
    organization_id: UUID = described("The ID of the organization of the mapping.")
    project_id: UUID = described("The ID of the project of the mapping.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the mapping."
    )

    @computed("columns", text="The fields of the columns. Others are mapped by their names.")
    def columns(root: strawberry.Parent[Any]) -> list[ColumnMapping]:  # noqa: N805
        return shown_items(ColumnMapping, root.columns)


ImportMappingFilterInput = filter_input(ImportMapping, "id", "project_id", "name", "created_at")
ImportMappingOrderInput = order_input(ImportMapping, "name", "created_at", "updated_at")


@input_for(ImportMapping, "A mapping of the columns of files to create in a project.")
class ImportMappingCreateInput:
    project_id: UUID
    name: str
    columns: list[ColumnMappingInput] | None = json_items(MAX_COLUMNS, default=UNSET)
    delimiter: str | None = stored_as(delimiter_of, default=UNSET)
    encoding: str | None = UNSET


@input_for(ImportMapping, "The fields of a mapping to change.")
class ImportMappingUpdateInput:
    name: Maybe[str]
    columns: Maybe[list[ColumnMappingInput]] = json_items(MAX_COLUMNS)
    delimiter: Maybe[str | None] = stored_as(delimiter_of)
    encoding: Maybe[str | None]


async def saved_mapping(transaction: Transaction, project: ProjectRow, id: UUID) -> Any:
    """Return a mapping of the project. Raises NOT_FOUND and INVALID."""
    field = ["mapping_id"]
    row = await transaction.find(db.ImportMapping, id, lock=False, field=field)
    if row.project_id != project.id:
        raise Problem("INVALID", "The mapping belongs to another project.", field=field)
    return row


extend_type(
    Project,
    import_mappings=connection(
        db.ImportMapping,
        ImportMapping,
        ImportMappingFilterInput,
        ImportMappingOrderInput,
        "The saved mappings of the columns of files that are imported into the project.",
        key="project_id",
    ),
)


@strawberry.type
class Query:
    import_mapping = by_id(
        db.ImportMapping, ImportMapping, "Look up a mapping of the columns of files by its ID."
    )


@strawberry.type
class Mutation:
    import_mapping_create = create(
        ImportMapping,
        ImportMappingCreateInput,
        "Create a mapping of the columns of files that are imported into a project.",
        within=(ProjectRow, "project_id"),
    )
    import_mapping_update = update(
        ImportMapping, ImportMappingUpdateInput, "Update a mapping of the columns of files."
    )
    import_mapping_delete = delete(ImportMapping, "Delete a mapping of the columns of files.")
    import_mapping_restore = restore(
        ImportMapping, "Restore a deleted mapping of the columns of files."
    )
