"""Frameworks, their requirements, and their revisions."""

from typing import Any
from uuid import UUID

import strawberry

from db.compliance import frameworks as db
from graph.compliance.definitions import definition_of
from graph.kit.connection import connection
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import Node


@strawberry.type(description="A requirement of a framework.")
class FrameworkRequirement:
    id: str = described("The identifier of the requirement within its framework, such as `CC6.1`.")
    title: str = described("The title of the requirement.")
    text: str = described("A summary of what is required.")
    guidance: str | None = described("How the requirement can be met.")
    category: str | None = described("The category of the requirement.")
    weight: int = described("The importance of the requirement, from 1 to 5.")


def requirements_of(stored: Any) -> list[FrameworkRequirement]:
    """Return the requirements of a definition, as the API shows them."""
    names = ("id", "title", "text", "guidance", "category", "weight")
    return [
        FrameworkRequirement(**{name: getattr(each, name) for name in names})
        for each in definition_of(stored).requirements
    ]


@strawberry.type(
    description="A framework that documents are assessed against. The operator keeps frameworks for"
    " all organizations."
)
class Framework(Node):
    model = db.Framework

    code: str = described("The code of the framework, such as `SOC2`, which never changes.")
    name: str = described("The name of the framework.")
    description: str | None = described("The description of the framework.")
    active: bool = described("Whether new assessments can be run against the framework.")
    revision: int = described("The number of the newest revision.")

    @computed("definition", text="The requirements of the newest revision.")
    def requirements(root: strawberry.Parent[Any]) -> list[FrameworkRequirement]:  # noqa: N805
        return requirements_of(root.definition)


FrameworkFilterInput = filter_input(Framework, "id", "code", "name", "active", "created_at")
FrameworkOrderInput = order_input(Framework, "code", "name", "created_at")


@strawberry.type(description="A revision of a framework, which never changes.")
class FrameworkRevision(Node):
    model = db.FrameworkRevision

    name: str = described("The name of the framework in this revision.")
    revision: int = described("The number of the revision.")
    framework_id: UUID = described("The ID of the framework.")
    framework: Framework | None = to_one(
        "framework_id", db.Framework, Framework, "The framework as it is now."
    )

    @computed("definition", text="The requirements of this revision.")
    def requirements(root: strawberry.Parent[Any]) -> list[FrameworkRequirement]:  # noqa: N805
        return requirements_of(root.definition)


FrameworkRevisionFilterInput = filter_input(FrameworkRevision, "id", "created_at")
FrameworkRevisionOrderInput = order_input(FrameworkRevision, "created_at")

extend_type(
    Framework,
    revisions=connection(
        db.FrameworkRevision,
        FrameworkRevision,
        FrameworkRevisionFilterInput,
        FrameworkRevisionOrderInput,
        "The revisions of the framework, oldest first.",
        key="framework_id",
    ),
)


@strawberry.type
class Query:
    framework = by_id(db.Framework, Framework, "Look up a framework by its ID.")
    frameworks = connection(
        db.Framework,
        Framework,
        FrameworkFilterInput,
        FrameworkOrderInput,
        "List the frameworks by their names.",
        by=("name",),
    )
