"""Baselines: frozen states of a document or a project, and their differences."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from auth.policy import allows
from auth.policy.scopes import scopes_beneath
from auth.viewer import Role
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import baselines as db
from db.requirements.documents import Document as DocumentRow
from db.requirements.requirements import Requirement as RequirementRow
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.edges import Within
from graph.kit.entity_types import EntityType
from graph.kit.fields import by_id, computed, described, extend_type, same
from graph.kit.filters import EntityTypeFilterInput
from graph.kit.history import shown
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import Input, delete, given, mutation, restore, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of
from graph.kit.scalars import BigInt
from graph.requirements.documents import Document, DocumentFilterInput, DocumentOrderInput
from graph.requirements.requirements import (
    MAX_REQUIREMENTS_PAGE_SIZE,
    Requirement,
    RequirementFilterInput,
    RequirementOrderInput,
)
from graph.requirements.sql.baseline_contents import freezing
from graph.requirements.sql.baseline_diff import Comparison
from graph.requirements.sql.baseline_past import Frozen

IN_PROJECT = frozenset({"TestCase", "TestExecution", "TraceLink"})
"""The types that belong to a project, also in the baseline of a document."""
MAX_BASELINES = 1_000
"""The most baselines, except deleted ones, of a document or of a whole project, on any plan."""
PEOPLE = frozenset({"created_by", "updated_by", "executed_by", "confirmed_by"})
"""Columns that name people, hidden from readers of a public project."""


@strawberry.type(description="The number of items of one type in a baseline.")
class BaselineCount:
    entity_type: EntityType = described("The type of the items.")
    count: int = described("The number of items.")


@strawberry.type(description="An object as it was when a baseline was created.")
class BaselineItem:
    entity_type: EntityType = described("The type of the object.")
    id: UUID = described("The ID of the object.", name="entityId")
    version: BigInt = described("The version of the object.")

    @computed(
        "entity_type",
        "data",
        "organization_id",
        text="The fields of the object, by their names in the API.",
    )
    def data(root: strawberry.Parent[Any], info: Info) -> JSON:  # noqa: N805
        people = sees_people(info, root)
        return spelled(root.entity_type, root.data, people=people)  # type: ignore[no-any-return]

    @computed(
        "organization_id",
        "baseline_id",
        "id",
        text="The text of which `contentHash` is the hash: the columns as JSON, in the format of"
        " PostgreSQL. Null for viewers outside of the organization, because it names users.",
    )
    async def canonical(root: strawberry.Parent[Any], info: Info) -> str | None:  # noqa: N805
        if not sees_people(info, root):
            return None
        load: Any = info.context.loader("canonical", partial(_canonical, info.context)).load
        return str(await load((root.baseline_id, root.id)))

    @computed("content_hash", text="The SHA-256 hash of `canonical` in UTF-8, in hexadecimal.")
    def content_hash(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return str(root.content_hash.hex())


@strawberry.type(description="An immutable snapshot of a document or a project at a point in time.")
class Baseline(Authored, Node):
    model = db.Baseline

    name: str = described("The name of the baseline.")
    description: str | None = described("The description of the baseline.")
    organization_id: UUID = described("The ID of the organization of the baseline.")
    project_id: UUID = described("The ID of the project of the baseline.")
    document_id: UUID | None = described(
        "The ID of the document of which this is a baseline; null for a baseline of a project."
    )

    @computed("content_hash", text="The SHA-256 hash of the items, in hexadecimal.")
    def content_hash(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return str(root.content_hash.hex())

    @computed(
        "id",
        "document_id",
        text="The document as it was when the baseline was created; null for a"
        " baseline of a project.",
    )
    async def document(root: strawberry.Parent[Any], info: Info) -> Document | None:  # noqa: N805
        if root.document_id is None:
            return None
        past = Frozen(root.id)
        return await info.context.one(DocumentRow, root.document_id, past)  # type: ignore[return-value]

    @computed(
        "item_counts",
        "organization_id",
        "project_id",
        "document_id",
        text="The number of items of each type that the viewer can read.",
    )
    def counts(root: strawberry.Parent[Any], info: Info) -> list[BaselineCount]:  # noqa: N805
        return [
            BaselineCount(entity_type=name, count=root.item_counts[name])
            for name in (model.__name__ for model in db.FROZEN)
            if name in root.item_counts and _may_see(info, root, name)
        ]

    @computed(
        "id",
        text="Whether the items, and the audit log entries about them, still match"
        " `contentHash`. It"
        " is computed from all items.",
    )
    async def verified(root: strawberry.Parent[Any], info: Info) -> bool:  # noqa: N805
        found: bool = await info.context.loader("verified", partial(_verified, info.context)).load(
            root.id
        )
        return found


def _may_see(info: Info, baseline: Any, entity_type: str) -> bool:
    place = same(baseline, "organization_id", "project_id", "document_id")
    if entity_type in IN_PROJECT:
        place["document_id"] = None
    return allows(info.context.viewer, "read", db.BaselineItem, _Place(**place))


@dataclass
class _Place:
    organization_id: UUID
    project_id: UUID
    document_id: UUID | None


async def _canonical(context: Context, keys: list[Any]) -> list[str]:
    found = await Comparison(context.session).canonical(
        {baseline for baseline, _ in keys}, {id for _, id in keys}
    )
    return [found[key] for key in keys]


async def _verified(context: Context, ids: list[UUID]) -> list[bool]:
    found = await Comparison(context.session).verified(ids)
    return [found.get(id, False) for id in ids]


def sees_people(info: Info, row: Any) -> bool:
    """Return whether the viewer may see who works in the row's organization."""
    held = info.context.viewer.grants.get(row.organization_id, Role.ANYONE)
    return held >= Role.MEMBER


def spelled(entity: str, data: Mapping[str, Any] | None, *, people: bool) -> Any:
    """Return the data by the names of the API's fields; keys within JSON stay as they are.

    Without `people`, columns that name a person are left out.
    """
    left = frozenset() if people else PEOPLE
    return data and {
        to_camel_case(name): shown(entity, name, data[name]) for name in data if name not in left
    }


BaselineFilterInput = filter_input(
    Baseline, "id", "document_id", "name", "description", "created_at"
)
BaselineOrderInput = order_input(Baseline, "name", "created_at")
BaselineItemFilterInput = filter_input(
    BaselineItem,
    "id",
    "entity_type",
    "document_id",
    model=db.BaselineItem,
    comparisons={"entity_type": EntityTypeFilterInput},
    texts={"document_id": ("documentId", "The ID of the document of the object.")},
)
BaselineItemOrderInput = order_input(
    BaselineItem,
    "entity_type",
    "position",
    texts={"position": ("position", "The position of the object in its document.")},
)


@input_for(Baseline, "A baseline to create, of either a document or a project.")
class BaselineCreateInput:
    name: str
    document_id: UUID | None = UNSET
    project_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the project of which this is a baseline, with all its documents.",
    )
    description: str | None = UNSET


async def baseline_create(info: Info, input: Input[BaselineCreateInput]) -> Any:
    values = given(input)
    named_ = [key for key in ("document_id", "project_id") if key in values]
    if len(named_) != 1:
        message = "Give either `documentId` or `projectId`."
        raise Problem("INVALID", message, field=["input", "documentId"])
    async with writing(info) as transaction:
        (key,) = named_
        model = DocumentRow if key == "document_id" else ProjectRow
        parent: Any = await transaction.find(
            model, values[key], lock=False, field=[key], to_create=db.Baseline
        )
        scopes: Any = scopes_beneath(model, parent)
        baseline = db.Baseline(
            **scopes,
            name=values["name"],
            description=values.get("description"),
            content_hash=b"",
        )
        baseline.content_hash, baseline.item_counts, others = await transaction.insert_parts(
            baseline, freezing(baseline)
        )
        if others >= MAX_BASELINES:
            message = f"There are at most {MAX_BASELINES} baselines of one document or project."
            raise Problem(
                "LIMIT_REACHED",
                message,
                limit="baselines",
                current=others,
                maximum=MAX_BASELINES,
            )
        transaction.add(baseline)
    return answer(payload_of(Baseline), baseline)


def _baselines(key: str, text: str) -> Any:
    return connection(db.Baseline, Baseline, BaselineFilterInput, BaselineOrderInput, text, key=key)


def _frozen_project(baseline: Any) -> tuple[UUID, Frozen]:
    return baseline.project_id, Frozen(baseline.id)


FROZEN_PROJECT = Within(("id", "project_id"), _frozen_project)


extend_type(
    Project,
    baselines=_baselines("project_id", "The baselines of the project and of its documents."),
)
extend_type(Document, baselines=_baselines("document_id", "The baselines of the document."))
extend_type(
    Baseline,
    documents=connection(
        DocumentRow,
        Document,
        DocumentFilterInput,
        DocumentOrderInput,
        "The documents of the baseline, as they were when it was created.",
        key="project_id",
        by=("position",),
        within=FROZEN_PROJECT,
    ),
    requirements=connection(
        RequirementRow,
        Requirement,
        RequirementFilterInput,
        RequirementOrderInput,
        "The requirements of the baseline, as they were when it was created.",
        key="project_id",
        by=("document_id", "position"),
        largest=MAX_REQUIREMENTS_PAGE_SIZE,
        within=FROZEN_PROJECT,
    ),
    items=connection(
        db.BaselineItem,
        BaselineItem,
        BaselineItemFilterInput,
        BaselineItemOrderInput,
        "The items of the baseline that the viewer can read.",
        key="baseline_id",
        by=("entity_type",),
        largest=MAX_REQUIREMENTS_PAGE_SIZE,
    ),
)


@strawberry.type
class Query:
    baseline = by_id(db.Baseline, Baseline, "Look up a baseline by its ID.")


@strawberry.type
class Mutation:
    baseline_create = mutation(
        baseline_create,
        payload_of(Baseline),
        "Create a baseline of the current state of a document or a project.",
    )
    baseline_delete = delete(
        Baseline, "Delete a baseline. It can be restored; its items do not change."
    )
    baseline_restore = restore(Baseline, "Restore a deleted baseline.")
