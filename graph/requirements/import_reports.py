"""The reports of imports in the API."""

from enum import Enum
from typing import Any
from uuid import UUID

import strawberry

from db.requirements.change_sets import ChangeSet as ChangeSetRow
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import computed, described, extend_type
from graph.platform.jobs.types import Job
from graph.requirements.change_sets.types import ChangeSet
from graph.requirements.exchange.jobs import IMPORT
from graph.requirements.exchange.result import MAX_OBJECTS


class ImportOutcome(Enum):
    """The effect of an import on an object."""

    CREATED = "created"
    UPDATED = "updated"
    RESTORED = "restored"


describe_enum(
    ImportOutcome,
    "What an import does to an object.",
    {
        "CREATED": "The object is in the file, but was not in the project.",
        "UPDATED": "The object differed from the file.",
        "RESTORED": "The object was deleted, and is in the file.",
    },
)


@strawberry.type(description="The numbers of an import for one kind of object.")
class ImportCounts:
    kind: str = described("The kind of object, such as `requirements` or `trace links`.")
    created: int = described("The number of objects that were created.")
    updated: int = described("The number of objects that were changed.")
    restored: int = described("The number of deleted objects that were restored.")
    unchanged: int = described("The number of objects that are as in the file.")
    absent: int = described("The number of objects that are not in the file. They are kept.")


@strawberry.type(description="An object that an import creates, changes or restores.")
class ImportedObject:
    kind: str = described("The kind of object, such as `requirements`.")
    external_id: str | None = described("The external ID of the object.")
    name: str = described("The name of the object, or the type of a trace link.")
    outcome: ImportOutcome = described("What the import does to the object.")
    fields: list[str] = described("The names of the columns that change.")


@strawberry.type(description="The report of an import.")
class ImportReport:
    dry_run: bool = described("Whether nothing was written, because it was a dry run.")
    documents: list[str] = described("The names of the documents of the file.")
    counts: list[ImportCounts] = described("The numbers by kind of object.")
    objects: list[ImportedObject] = described(
        f"The objects that are written, in the order of the file, at most {MAX_OBJECTS:,}."
    )
    notes: list[str] = described("Notes on what was changed or left out.")
    conflicts: int = described(
        "The number of objects of the change set that are in conflict; 0 for other imports."
    )
    change_set_id: UUID | None = described(
        "The ID of the change set that proposes the edits of a returned file; null for other"
        " imports, for dry runs, and if nothing differs."
    )

    @strawberry.field(description="The change set that proposes the edits of a returned file.")
    async def change_set(self, info: Info) -> ChangeSet | None:
        if self.change_set_id is None:
            return None
        return await info.context.one(ChangeSetRow, self.change_set_id)  # type: ignore[return-value]


@computed(
    "kind",
    "result",
    text="The report of an import; null for other jobs, and until it has succeeded.",
)
def _import_report(root: strawberry.Parent[Any]) -> ImportReport | None:
    result = root.result if root.kind == IMPORT.name else None
    if result is None:
        return None
    return ImportReport(
        dry_run=result["dryRun"],
        documents=result["documents"],
        counts=[ImportCounts(kind=kind, **each) for kind, each in result["counts"].items()],
        objects=[
            ImportedObject(**(each | {"outcome": ImportOutcome(each["outcome"])}))
            for each in result["objects"]
        ],
        notes=result["notes"],
        conflicts=result.get("conflicts", 0),
        change_set_id=UUID(result["changeSetId"]) if result.get("changeSetId") else None,
    )


extend_type(Job, import_report=_import_report)
