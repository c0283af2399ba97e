"""Defects of projects, found by people and by tests."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.session import Transaction
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.delivery import defects as db
from db.delivery.defects import DefectSeverity, DefectStatus, DefectType
from db.delivery.features import Feature as FeatureRow
from db.delivery.priorities import DeliveryPriority
from db.delivery.testing import FeatureTest as FeatureTestRow
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.delivery.feature_tests import FeatureTest
from graph.delivery.features import Feature
from graph.delivery.references import references
from graph.delivery.states.steps import DEFECT
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item
from graph.kit.json_items import json_items, shown_items
from graph.kit.mutations import create, delete, restore, update
from graph.kit.node import Node
from graph.requirements.testing_shapes import MAX_FILES, FileLink, FileLinkInput

describe_enum(
    DefectSeverity,
    "The severity of a defect, from lowest to highest.",
    {
        "LOW": "The defect hinders nobody.",
        "MEDIUM": "The defect hinders some users, who can work around it.",
        "HIGH": "The defect prevents the use of a part of the product.",
        "CRITICAL": "The defect prevents the use of the product, or loses data.",
    },
)
describe_enum(
    DefectStatus,
    "The status of a defect.",
    DEFECT.described(
        {
            "OPEN": "Nobody works on the defect.",
            "ASSIGNED": "The defect is assigned: see `assignedTo`, which is required.",
            "IN_PROGRESS": "The work has started.",
            "RESOLVED": "The defect is repaired. `resolvedAt` and `resolvedBy` are set.",
            "VERIFIED": "Somebody else than who resolved the defect has verified the repair.",
            "CLOSED": "The defect is closed.",
            "WONT_FIX": "The defect will not be repaired.",
        }
    ),
)
describe_enum(
    DefectType,
    "The kind of a defect.",
    {
        "BUG": "The product does not do what it should.",
        "ENHANCEMENT": "The product should do more.",
        "DOCUMENTATION": "The documentation is wrong or missing.",
        "TASK": "Something else is to be done.",
    },
)


@strawberry.type(description="A defect of a project.")
class Defect(Authored, Node):
    model = db.Defect

    title: str = described("The title of the defect.")
    description: str = described("The description of the defect.")
    severity: DefectSeverity = described("The severity of the defect.")
    priority: DeliveryPriority = described("The priority of the repair.")
    status: DefectStatus = described("The status of the defect.")
    type: DefectType = described("The kind of the defect.")
    reproduction_steps: str | None = described("The steps that show the defect.")
    environment: str | None = described("The environment in which the defect was seen.")
    affected_version: str | None = described("The version that has the defect.")
    fixed_version: str | None = described("The version in which the defect is repaired.")
    root_cause: str | None = described("The cause of the defect.")
    fix_description: str | None = described("The description of the repair.")
    estimated_fix_hours: int | None = described("The estimated hours of the repair.")
    actual_fix_hours: int | None = described("The hours of the repair so far.")
    due_date: date | None = described("The date when the repair is due.")
    resolved_at: datetime | None = described("The date and time when the defect was resolved.")
    resolution_proposed: bool = described(
        "Whether the test that found the defect has passed since, so that it can be resolved."
    )
    verified_at: datetime | None = described("The date and time when the repair was verified.")
    labels: list[str] = described("The labels of the defect.")
    project_id: UUID = described("The ID of the project of the defect.")
    test_result_id: UUID | None = described(
        "The ID of the latest result of a test that shows the defect."
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the defect."
    )
    feature: Feature | None = to_one(
        "feature_id", FeatureRow, Feature, "The feature that has the defect, if known."
    )
    test: FeatureTest | None = to_one(
        "test_case_id", FeatureTestRow, FeatureTest, "The test that has found the defect, if any."
    )
    assigned_to: Profile | None = to_one(
        "assigned_to", ProfileRow, Profile, "The user who repairs the defect."
    )
    reported_by: Profile | None = to_one(
        "reported_by", ProfileRow, Profile, "The user or service account that reported the defect."
    )
    resolved_by: Profile | None = to_one(
        "resolved_by", ProfileRow, Profile, "The user who resolved the defect."
    )
    verified_by: Profile | None = to_one(
        "verified_by", ProfileRow, Profile, "The user who verified the repair."
    )

    @computed("attachments", text=f"Links to files about the defect, at most {MAX_FILES}.")
    def attachments(root: strawberry.Parent[Any]) -> list[FileLink]:  # noqa: N805
        return shown_items(FileLink, root.attachments)

    @computed(
        "status",
        "resolution_proposed",
        text="The statuses that may follow the current one. A defect whose resolution is proposed"
        " can be resolved at once.",
    )
    def next_statuses(root: strawberry.Parent[Any]) -> list[DefectStatus]:  # noqa: N805
        return DEFECT.after(root.status, proposed=root.resolution_proposed)


DefectFilterInput = filter_input(
    Defect,
    *("id", "project_id", "feature_id", "test_case_id", "title", "description"),
    *("severity", "priority", "status", "type", "environment", "affected_version"),
    *("fixed_version", "assigned_to", "reported_by", "due_date", "resolved_at"),
    *("resolution_proposed", "labels", "created_at", "updated_at"),
)
DefectOrderInput = order_input(
    Defect, *("title", "severity", "priority", "status", "due_date", "created_at", "updated_at")
)


@input_for(Defect, "A defect to create in a project.")
class DefectCreateInput:
    project_id: UUID
    title: str
    description: str
    feature_id: UUID | None = UNSET
    severity: DefectSeverity = DefectSeverity.MEDIUM
    priority: DeliveryPriority = DeliveryPriority.MEDIUM
    type: DefectType = DefectType.BUG
    status: DefectStatus = DefectStatus.OPEN
    assigned_to: UUID | None = strawberry.field(
        name="assignedToId", default=UNSET, description="The ID of the user who repairs the defect."
    )
    reproduction_steps: str | None = UNSET
    environment: str | None = UNSET
    affected_version: str | None = UNSET
    estimated_fix_hours: int | None = UNSET
    due_date: date | None = UNSET
    labels: list[str] | None = UNSET
    attachments: list[FileLinkInput] | None = json_items(MAX_FILES, default=UNSET)


@input_for(Defect, "The fields of a defect to change.")
class DefectUpdateInput:
    title: Maybe[str]
    description: Maybe[str]
    feature_id: Maybe[UUID | None]
    severity: Maybe[DefectSeverity]
    priority: Maybe[DeliveryPriority]
    type: Maybe[DefectType]
    status: Maybe[DefectStatus]
    assigned_to: Maybe[UUID | None] = strawberry.field(
        name="assignedToId", description="The ID of the user who repairs the defect."
    )
    reproduction_steps: Maybe[str | None]
    environment: Maybe[str | None]
    affected_version: Maybe[str | None]
    fixed_version: Maybe[str | None]
    root_cause: Maybe[str | None]
    fix_description: Maybe[str | None]
    estimated_fix_hours: Maybe[int | None]
    actual_fix_hours: Maybe[int | None]
    due_date: Maybe[date | None]
    labels: Maybe[list[str]]
    attachments: Maybe[list[FileLinkInput]] = json_items(MAX_FILES)


async def _name_reporter(transaction: Transaction, items: Sequence[Item], _: Found) -> None:
    for item in items:
        item.row.reported_by = transaction.person


def _defects(key: str | None, text: str) -> Any:
    return connection(db.Defect, Defect, DefectFilterInput, DefectOrderInput, text, key=key)


extend_type(Project, defects=_defects("project_id", "The defects of the project."))
extend_type(Feature, defects=_defects("feature_id", "The defects of the feature."))
extend_type(FeatureTest, defects=_defects("test_case_id", "The defects that the test has found."))
extend_type(
    Profile,
    defects=_defects("assigned_to", "The defects assigned to the user, as the viewer sees them."),
)
NAMED = references({"feature_id": FeatureRow}, ("assigned_to",))
NEW = references({"feature_id": FeatureRow}, ("assigned_to",), _name_reporter)
IN_PROJECT = (ProjectRow, "project_id")


@strawberry.type
class Query:
    defect = by_id(db.Defect, Defect, "Look up a defect by its ID.")
    defects = _defects(None, "List defects that the viewer can read.")


@strawberry.type
class Mutation:
    defect_create = create(
        Defect,
        DefectCreateInput,
        "Create a defect in a project, reported by the viewer.",
        within=IN_PROJECT,
        prepare=NEW,
    )
    defect_update = update(Defect, DefectUpdateInput, "Update a defect.", prepare=NAMED)
    defect_delete = delete(Defect, "Delete a defect. It can be restored.")
    defect_restore = restore(Defect, "Restore a deleted defect.")
    defects_create = creates(
        Defect,
        DefectCreateInput,
        "Create up to 500 defects, in the order of the items.",
        within=IN_PROJECT,
        prepare=NEW,
    )
    defects_update = updates(Defect, DefectUpdateInput, "Update up to 500 defects.", prepare=NAMED)
    defects_delete = deletes(Defect, "Delete up to 500 defects. They can be restored.")
