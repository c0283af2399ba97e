"""Features: the parts in which requirements are implemented."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.delivery import features as db
from db.delivery.features import MAX_POINTS, CodeReviewStatus, ImplementationStatus
from db.requirements.requirements import Requirement as RequirementRow
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.delivery.references import references
from graph.delivery.shapes import MAX_ITEMS, ImplementationNote, ImplementationNoteInput
from graph.delivery.states.steps import FEATURE
from graph.kit.bulk import creates, deletes, updates
from graph.kit.connection import connection
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.json_items import json_items, shown_items
from graph.kit.mutations import create, delete, patch, restore, revert, update
from graph.kit.node import Node
from graph.requirements.requirements import Requirement

describe_enum(
    ImplementationStatus,
    "The status of the implementation of a feature.",
    FEATURE.described(
        {
            "NOT_STARTED": "The work has not started.",
            "IN_PROGRESS": "The work has started.",
            "COMPLETED": "The work is completed. `completedDate` is set.",
            "BLOCKED": "Something prevents the work: see `blockedReason`, which is required.",
        }
    ),
)
describe_enum(
    CodeReviewStatus,
    "The status of the review of the code of a feature.",
    {
        "PENDING": "The code has not been reviewed.",
        "APPROVED": "The code was approved.",
        "REJECTED": "The code was rejected.",
        "CHANGES_REQUESTED": "The reviewer has asked for changes.",
    },
)


@strawberry.type(description="A part of the implementation of a requirement.")
class Feature(Authored, Node):
    model = db.Feature

    external_id: str | None = described(
        "The identifier of the feature in another system, unique within the project."
    )
    name: str = described("The name of the feature.")
    description: str | None = described("The description of the feature.")
    implementation_status: ImplementationStatus = described("The status of the implementation.")
    branch_name: str | None = described("The name of the branch of the feature.")
    pull_request_url: str | None = described("The http or https URL of the pull request.")
    code_review_status: CodeReviewStatus = described("The status of the review of the code.")
    estimated_hours: int | None = described("The estimated hours of work.")
    actual_hours: int | None = described("The hours of work so far.")
    complexity_points: int | None = described(f"The complexity, from 1 to {MAX_POINTS} points.")
    start_date: datetime | None = described("The date and time when the work started.")
    completed_date: datetime | None = described(
        "The date and time when the work was completed; null in any other status."
    )
    blocked_reason: str | None = described("The reason why the work is blocked.")
    details: JSON = described("Further details of the feature, as a JSON object.")
    project_id: UUID = described("The ID of the project of the feature.")
    requirement_id: UUID = described("The ID of the requirement that the feature implements.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the feature."
    )
    requirement: Requirement | None = to_one(
        "requirement_id",
        RequirementRow,
        Requirement,
        "The requirement that the feature implements, which may be in another project; null if the"
        " viewer cannot read it.",
    )
    developer: Profile | None = to_one(
        "developer_id", ProfileRow, Profile, "The user who implements the feature."
    )

    @computed("implementation_notes", text=f"Notes about the implementation, at most {MAX_ITEMS}.")
    def implementation_notes(root: strawberry.Parent[Any]) -> list[ImplementationNote]:  # noqa: N805
        return shown_items(ImplementationNote, root.implementation_notes)

    @computed("implementation_status", text="The statuses that may follow the current one.")
    def next_statuses(root: strawberry.Parent[Any]) -> list[ImplementationStatus]:  # noqa: N805
        return FEATURE.after(root.implementation_status)


FeatureFilterInput = filter_input(
    Feature,
    *("id", "project_id", "requirement_id", "external_id", "name", "description"),
    *("implementation_status", "code_review_status", "developer_id", "branch_name"),
    *("complexity_points", "start_date", "completed_date"),
    *("details", "created_by", "created_at", "updated_at"),
)
FeatureOrderInput = order_input(
    Feature,
    *("external_id", "name", "implementation_status", "complexity_points"),
    *("start_date", "completed_date", "created_at", "updated_at"),
)


@input_for(Feature, "A feature to create in a project.")
class FeatureCreateInput:
    project_id: UUID
    requirement_id: UUID
    name: str
    external_id: str | None = UNSET
    description: str | None = UNSET
    implementation_status: ImplementationStatus = ImplementationStatus.NOT_STARTED
    implementation_notes: list[ImplementationNoteInput] | None = json_items(
        MAX_ITEMS, default=UNSET
    )
    developer_id: UUID | None = UNSET
    branch_name: str | None = UNSET
    pull_request_url: str | None = UNSET
    code_review_status: CodeReviewStatus = CodeReviewStatus.PENDING
    estimated_hours: int | None = UNSET
    actual_hours: int | None = UNSET
    complexity_points: int | None = UNSET
    start_date: datetime | None = UNSET
    blocked_reason: str | None = UNSET
    details: JSON | None = UNSET


@input_for(Feature, "The fields of a feature to change.")
class FeatureUpdateInput:
    requirement_id: Maybe[UUID]
    name: Maybe[str]
    external_id: Maybe[str | None]
    description: Maybe[str | None]
    implementation_status: Maybe[ImplementationStatus]
    implementation_notes: Maybe[list[ImplementationNoteInput]] = json_items(MAX_ITEMS)
    developer_id: Maybe[UUID | None]
    branch_name: Maybe[str | None]
    pull_request_url: Maybe[str | None]
    code_review_status: Maybe[CodeReviewStatus]
    estimated_hours: Maybe[int | None]
    actual_hours: Maybe[int | None]
    complexity_points: Maybe[int | None]
    start_date: Maybe[datetime | None]
    blocked_reason: Maybe[str | None]
    details: Maybe[JSON]
    details_patch: Maybe[JSON] = patch("details")


def _features(key: str | None, text: str) -> Any:
    return connection(db.Feature, Feature, FeatureFilterInput, FeatureOrderInput, text, key=key)


extend_type(Project, features=_features("project_id", "The features of the project."))
extend_type(
    Requirement,
    features=_features("requirement_id", "The features that implement the requirement."),
)
NAMED = references({"requirement_id": RequirementRow}, ("developer_id",))
IN_PROJECT = (ProjectRow, "project_id")


@strawberry.type
class Query:
    feature = by_id(db.Feature, Feature, "Look up a feature by its ID.")
    features = _features(None, "List features that the viewer can read.")


@strawberry.type
class Mutation:
    feature_create = create(
        Feature,
        FeatureCreateInput,
        "Create a feature of a requirement in a project.",
        within=IN_PROJECT,
        prepare=NAMED,
    )
    feature_update = update(Feature, FeatureUpdateInput, "Update a feature.", prepare=NAMED)
    feature_revert = revert(Feature)
    feature_delete = delete(Feature, "Delete a feature with its tests. It can be restored.")
    feature_restore = restore(Feature, "Restore a deleted feature with its tests.")
    features_create = creates(
        Feature,
        FeatureCreateInput,
        "Create up to 500 features, in the order of the items.",
        within=IN_PROJECT,
        prepare=NAMED,
    )
    features_update = updates(
        Feature, FeatureUpdateInput, "Update up to 500 features.", prepare=NAMED
    )
    features_delete = deletes(Feature, "Delete up to 500 features. They can be restored.")
