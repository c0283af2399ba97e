"""People: profiles, who made a row, and the viewer themselves."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from db.core import people as db
from db.core.people import UserStatus
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import computed, described, extend_type, to_one
from graph.kit.history import HistoryEntry
from graph.kit.node import Node

describe_enum(
    UserStatus,
    "The status of an account or a membership.",
    {
        "ACTIVE": "In use.",
        "INACTIVE": "No longer in use.",
        "SUSPENDED": "Blocked by an administrator.",
        "PENDING": "Waiting for approval.",
    },
)


@strawberry.type(
    description="A user, who can be a member of many organizations, or a service account of one"
    " organization."
)
class Profile(Node):
    model = db.Profile

    email: str = described(
        "The email address of the user. That of a service account receives no mail."
    )
    full_name: str | None = described("The full name of the user, as others see it.")
    first_name: str | None = described("The first name of the user.")
    last_name: str | None = described("The last name of the user.")
    job_title: str | None = described("The job title of the user.")
    locale: str | None = described(
        "The language and region of the user, as a BCP 47 tag such as `de-AT`."
    )
    time_zone: str = described("The IANA time zone of the user, such as `Europe/Vienna`.")
    status: UserStatus = described("The status of the account.")

    @computed("service_of", text="Whether the profile is of a service account.")
    def is_service(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.service_of is not None

    @computed(
        "id",
        "current_organization_id",
        text="The ID of the organization that the viewer has selected; null for other users.",
    )
    def current_organization_id(root: strawberry.Parent[Any], info: Info) -> UUID | None:  # noqa: N805
        return root.current_organization_id if root.id == info.context.viewer.id else None

    @computed(
        "id",
        "personal_organization_id",
        text="The ID of the personal organization of the viewer; null for other users.",
    )
    def personal_organization_id(root: strawberry.Parent[Any], info: Info) -> UUID | None:  # noqa: N805
        return root.personal_organization_id if root.id == info.context.viewer.id else None

    @computed(
        "id",
        "preferences",
        text="The front end settings of the viewer; null for other users."
        " `Viewer.preferencesSchema` describes them.",
    )
    def preferences(root: strawberry.Parent[Any], info: Info) -> JSON | None:  # noqa: N805
        return root.preferences if root.id == info.context.viewer.id else None


extend_type(
    HistoryEntry, actor=to_one("actor_id", db.Profile, Profile, "The user who made the change.")
)


@strawberry.interface(description="An object that records its author.")
class Authored(Node):
    created_by: Profile | None = to_one(
        "created_by", db.Profile, Profile, "The user who created the object."
    )
    updated_by: Profile | None = to_one(
        "updated_by", db.Profile, Profile, "The user who last changed the object."
    )


@strawberry.type(description="The user or service account that makes the request.")
class Viewer:
    @strawberry.field(description="The profile of the viewer.")
    async def profile(self, info: Info) -> Profile | None:
        viewer = info.context.viewer
        return await info.context.one(db.Profile, viewer.id) if viewer.id else None  # type: ignore[return-value]

    @strawberry.field(description="The scopes of the token; null without a token.")
    def scopes(self, info: Info) -> list[str] | None:
        scopes = info.context.viewer.scopes
        return None if scopes is None else sorted(scopes)

    @strawberry.field(
        description="The only organization that the token reaches; null if it reaches all of the"
        " viewer's."
    )
    def only_organization_id(self, info: Info) -> UUID | None:
        return info.context.viewer.confined_to

    @strawberry.field(
        description="The only project that the token reaches, in `onlyOrganizationId`; null if it"
        " reaches all of it."
    )
    def only_project_id(self, info: Info) -> UUID | None:
        return info.context.viewer.confined_project


@strawberry.type
class Query:
    @strawberry.field(
        description="The user or service account that makes the request; null if signed out, and"
        " for a share."
    )
    def viewer(self, info: Info) -> Viewer | None:
        viewer = info.context.viewer
        return Viewer() if viewer.id and viewer.shared is None else None
