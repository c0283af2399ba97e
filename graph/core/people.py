"""People: profiles, who made a row, and the viewer themselves."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import Maybe
from strawberry.scalars import JSON

from db.core import people as db
from db.core.people import UserStatus
from graph.kit.context import Info
from graph.kit.fields import described, extend_type, to_one
from graph.kit.history import HistoryEntry
from graph.kit.mutations import Payload, update
from graph.kit.node import Node

strawberry.enum(UserStatus, description="The state of an account or membership.")


@strawberry.type(
    description="A person, who may work in many organizations; or a service account, in whose name"
    " servers act for one."
)
class Profile(Node):
    model = db.Profile

    email: str = described(
        "The address they sign in with; of a service account, one that no mail reaches."
    )
    full_name: str | None = described("What others see them called.")
    job_title: str | None = described("What they do.")
    status: UserStatus = described("The state of the account.")

    @strawberry.field(description="Whether this is a service account, and no person.")
    def is_service(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.service_of is not None

    @strawberry.field(description="Where they last worked; null for everybody else's profile.")
    def current_organization_id(root: strawberry.Parent[Any], info: Info) -> UUID | None:  # noqa: N805
        return root.current_organization_id if root.id == info.context.viewer.id else None

    @strawberry.field(description="Settings of the front end; null for everybody else's profile.")
    def preferences(root: strawberry.Parent[Any], info: Info) -> JSON | None:  # noqa: N805
        return root.preferences if root.id == info.context.viewer.id else None


extend_type(HistoryEntry, actor=to_one("actor_id", db.Profile, Profile, "Who made the change."))


@strawberry.interface(description="A row that people write; it says who.")
class Authored(Node):
    created_by: Profile | None = to_one("created_by", db.Profile, Profile, "Who created it.")
    updated_by: Profile | None = to_one("updated_by", db.Profile, Profile, "Who last changed it.")


@strawberry.type(description="Whoever is asking.")
class Viewer:
    @strawberry.field(description="The viewer's profile.")
    async def profile(self, info: Info) -> Profile | None:
        viewer = info.context.viewer
        return await info.context.one(db.Profile, viewer.id) if viewer.id else None  # type: ignore[return-value]

    @strawberry.field(description="What the viewer's token is narrowed to; null for a person.")
    def scopes(self, info: Info) -> list[str] | None:
        scopes = info.context.viewer.scopes
        return None if scopes is None else sorted(scopes)


@strawberry.input
class ProfileUpdate:
    full_name: Maybe[str | None]
    job_title: Maybe[str | None]
    preferences: Maybe[JSON]


@strawberry.type
class ProfilePayload(Payload):
    profile: Profile


@strawberry.type
class Query:
    @strawberry.field(description="Whoever is asking; null when nobody is signed in.")
    def viewer(self, info: Info) -> Viewer | None:
        return Viewer() if info.context.viewer.id else None


@strawberry.type
class Mutation:
    profile_update = update(db.Profile, ProfilePayload, ProfileUpdate, "Change one's own profile.")
