"""The traceability matrix: the requirements of two documents or projects, and their links."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements.collaboration import TraceLink as TraceLinkRow
from db.requirements.documents import Document as DocumentRow
from db.requirements.requirements import Requirement as RequirementRow
from graph.kit.connection import After, Before, Connection, First, Last, asked_for
from graph.kit.context import Context, Info
from graph.kit.fields import described, to_one
from graph.kit.scopes import SCOPE
from graph.requirements.matrix import MAX_ROWS
from graph.requirements.matrix_cells import DEFAULT_CELLS, MAX_CELLS, CellsFirst, asked_columns
from graph.requirements.reading_order import KEYS, keys_in
from graph.requirements.requirements import Requirement
from graph.requirements.sql.traceability import Side, Traceability
from graph.requirements.trace_links import TraceLink
from graph.requirements.trace_types import TraceLinkType

"""The most cells of a row in one answer, and the number of them by default."""
LINKS = 2
"""The number of links of a cell that an operation's cost assumes."""


@strawberry.input(description="The requirements of a document or a project.", one_of=True)
class TraceabilitySideInput:
    document_id: UUID | None = strawberry.field(
        default=UNSET, description="The ID of the document."
    )
    project_id: UUID | None = strawberry.field(default=UNSET, description="The ID of the project.")


@strawberry.type(description="A trace link in a cell of a traceability matrix.")
class TraceabilityCellLink:
    link_id: strawberry.Private[UUID]
    link_type: TraceLinkType = described("The type of the link.")
    outgoing: bool = described(
        "Whether the link leads from the requirement of the row to that of the column."
    )
    suspect: bool = described("Whether the link is suspect.")
    trace_link: TraceLink | None = to_one("link_id", TraceLinkRow, TraceLink, "The link.")


@strawberry.type(
    description="The links between the requirement of a row and the requirement of a column."
)
class TraceabilityCell:
    requirement_id: UUID = described("The ID of the requirement of the column.")
    links: list[TraceabilityCellLink] = strawberry.field(
        description="The links, in both directions.", metadata={"largest_page": LINKS}
    )
    requirement: Requirement | None = to_one(
        "requirement_id", RequirementRow, Requirement, "The requirement of the column."
    )


ColumnIds = Annotated[
    list[UUID] | None,
    strawberry.argument(
        description=f"Return only cells of the columns of these requirements, at most {MAX_CELLS}."
    ),
]


@strawberry.type(description="A requirement in a row or a column of a traceability matrix.")
class TraceabilityLine:
    id: strawberry.Private[UUID]
    document_id: strawberry.Private[UUID]
    position: strawberry.Private[float]
    matrix: strawberry.Private[Traceability]
    link_count: int = described("The number of links to requirements of the other side.")
    suspect_count: int = described("The number of these that are suspect.")
    requirement: Requirement | None = to_one("id", RequirementRow, Requirement, "The requirement.")

    @strawberry.field(
        description="The requirements of the other side that the requirement has links with, in"
        " their order.",
        metadata={"largest_page": MAX_CELLS},
    )
    async def cells(
        self, info: Info, first: CellsFirst = DEFAULT_CELLS, requirement_ids: ColumnIds = None
    ) -> list[TraceabilityCell]:
        columns = asked_columns(first, requirement_ids, "requirementIds")
        matrix = self.matrix
        shape = ("trace cells", matrix.near, matrix.far, matrix.types, first, columns)
        batch = partial(_cells, matrix, columns, first)
        found: list[TraceabilityCell] = await info.context.loader(shape, batch).load(self.id)
        return found


async def _cells(
    matrix: Traceability, columns: Sequence[UUID] | None, first: int, ids: list[UUID]
) -> list[list[TraceabilityCell]]:
    cells: dict[UUID, dict[UUID, TraceabilityCell]] = {id: {} for id in ids}
    for record in await matrix.cells(ids, columns, first):
        far = record["far_id"]
        cell = cells[record["near_id"]].setdefault(
            far, TraceabilityCell(requirement_id=far, links=[])
        )
        cell.links.append(
            TraceabilityCellLink(
                link_id=record["link_id"],
                link_type=TraceLinkType(record["link_type"]),
                outgoing=record["outgoing"],
                suspect=record["suspect"],
            )
        )
    return [[*cells[id].values()] for id in ids]


@strawberry.type(description="The counts of a traceability matrix.")
class TraceabilityCounts:
    rows: int = described("The number of rows.")
    columns: int = described("The number of columns.")
    linked_rows: int = described("The number of rows with a link.")
    linked_columns: int = described("The number of columns with a link.")
    links: int = described("The number of links.")
    suspects: int = described("The number of suspect links.")


COUNTS = tuple(TraceabilityCounts.__dataclass_fields__)
Holes = Annotated[bool, strawberry.argument(description="Return only requirements without a link.")]


@strawberry.type(
    description="The requirements of a document or project in rows, those of another one in"
    " columns, and the trace links between them. Links count when the viewer can read both ends."
)
class TraceabilityMatrix:
    matrix: strawberry.Private[Traceability]

    @strawberry.field(
        description="The requirements in the rows, by document and in the order of each document.",
        metadata={"largest_page": MAX_ROWS},
    )
    async def rows(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        holes: Holes = False,
    ) -> Connection[TraceabilityLine]:
        return await _lines(self.matrix, first, after, last, before, holes)

    @strawberry.field(
        description="The requirements in the columns, by document and in the order of each"
        " document.",
        metadata={"largest_page": MAX_ROWS},
    )
    async def columns(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        holes: Holes = False,
    ) -> Connection[TraceabilityLine]:
        return await _lines(self.matrix.of_columns(), first, after, last, before, holes)

    @strawberry.field(description="The counts of all rows, columns and links.")
    async def summary(self) -> TraceabilityCounts:
        record = await self.matrix.summary()
        return TraceabilityCounts(**{name: record[name] for name in COUNTS})


async def _lines(
    matrix: Traceability,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    holes: bool,
) -> Connection[TraceabilityLine]:
    asked = asked_for(first, after, last, before, KEYS, largest=MAX_ROWS)
    found = await matrix.page(
        lambda columns: asked.bounds(keys_in(columns)),
        lambda columns: asked.order(keys_in(columns)),
        asked.size + 1,
        holes=holes,
    )
    lines: list[Any] = [
        TraceabilityLine(
            id=record["id"],
            document_id=record["document_id"],
            position=record["position"],
            matrix=matrix,
            link_count=record["links"],
            suspect_count=record["suspects"],
        )
        for record in found
    ]

    async def count() -> int:
        return int(found[0]["total"]) if found and holes else await matrix.count(holes=holes)

    return Connection[TraceabilityLine](page=asked.page(lines, count))


async def _side(context: Context, given: TraceabilitySideInput, name: str) -> Side:
    """Return the requirements of a side. Raises NOT_FOUND with the path."""
    for key, model in (("document_id", DocumentRow), ("project_id", ProjectRow)):
        id = getattr(given, key)
        if id is not UNSET and id is not None:
            try:
                await context.get(model, id)
            except Problem as problem:
                path = [name, "documentId" if model is DocumentRow else "projectId"]
                raise Problem(problem.code, problem.message, field=path) from None
            return Side(key, id)
    raise Problem("INVALID", "Give a document or a project.", field=[name])


Rows = Annotated[
    TraceabilitySideInput, strawberry.argument(description="The requirements in the rows.")
]
Columns = Annotated[
    TraceabilitySideInput, strawberry.argument(description="The requirements in the columns.")
]
LinkTypes = Annotated[
    list[TraceLinkType] | None,
    strawberry.argument(description="The types of links to show. The default is all types."),
]


async def traceability_matrix(
    info: Info, rows: Rows, columns: Columns, link_types: LinkTypes = None
) -> TraceabilityMatrix | None:
    types = tuple(TraceLinkType if link_types is None else dict.fromkeys(link_types))
    if not types:
        raise Problem("INVALID", "Must have at least one item.", field=["linkTypes"])
    near, far = [
        await _side(info.context, given, name)
        for given, name in ((rows, "rows"), (columns, "columns"))
    ]
    return TraceabilityMatrix(matrix=Traceability(info.context.session, near, far, types))


@strawberry.type
class Query:
    traceability_matrix = strawberry.field(
        traceability_matrix,
        description="The traceability matrix of two documents or projects, or of one with itself.",
        metadata={SCOPE: "requirements:read"},
    )
