"""The type of a share, and the connections that lead to shares."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.base import Entity
from db.core import shares as db
from db.core.organizations import Organization as OrganizationRow
from db.core.projects import Project as ProjectRow
from graph.core.organizations import Organization
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.entity_types import EntityType
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import Node
from graph.kit.scalars import BigInt

MODELS: dict[str, type[Entity]] = {}
"""The models of the objects that can be shared, by the column of the share that names one."""
OWNERS: dict[type[Entity], str] = {}
"""The columns of such objects that name the member who shares them, beside administrators."""


@strawberry.type(
    description="A secret address that opens one object, read-only, to whoever has the address."
)
class Share(Authored, Node):
    model = db.Share

    name: str = described("The name of the share. It is not shown to those who open the address.")
    hint: str = described("The last four characters of the address, by which to recognize it.")
    expires_at: datetime = described("The date and time when the share expires.")
    revoked_at: datetime | None = described(
        "The date and time when the share was revoked; null if it was not."
    )
    view_count: BigInt = described(
        "The number of views: each page that was opened, and the operations of each minute from one"
        " address. It is counted within seconds."
    )
    last_viewed_at: datetime | None = described(
        "The date and time of the last view; null if there was none."
    )
    organization_id: UUID = described("The ID of the organization of the share.")
    project_id: UUID | None = described(
        "The ID of the project of the share; null for the report of an assessment."
    )
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the share."
    )
    project: Project | None = to_one(
        "project_id",
        ProjectRow,
        Project,
        "The project of the share; null for the report of an assessment.",
    )

    @computed("password_hash", text="Whether the address asks for a password.")
    def has_password(root: strawberry.Parent[Any]) -> bool:  # noqa: N805
        return root.password_hash is not None

    @computed(*db.OBJECTS, text="The ID of the object that the share opens.")
    def object_id(root: strawberry.Parent[Any]) -> UUID:  # noqa: N805
        id: UUID = next(filter(None, (getattr(root, key) for key in db.OBJECTS)))
        return id

    @computed(*db.OBJECTS, text="The type of the object that the share opens.")
    def object_type(root: strawberry.Parent[Any]) -> EntityType:  # noqa: N805
        return next(model.__name__ for key, model in MODELS.items() if getattr(root, key))


ShareFilterInput = filter_input(
    Share, "id", "project_id", "name", "expires_at", "revoked_at", "created_at", "updated_at"
)
ShareOrderInput = order_input(Share, "name", "expires_at", "created_at", "updated_at")


@strawberry.type(description="A view of the object of a share. Views are kept for 90 days.")
class ShareView:
    id: UUID = described("The ID of the view. IDs sort by time.")
    created_at: datetime = described("The date and time of the view.")

    @computed("ip_address", text="The IP address of the request; null if it is not known.")
    def ip_address(root: strawberry.Parent[Any]) -> str | None:  # noqa: N805
        return str(root.ip_address) if root.ip_address else None

    user_agent: str | None = described("The header `User-Agent` of the request.")


ShareViewFilterInput = filter_input(ShareView, "id", "created_at", model=db.ShareView)
ShareViewOrderInput = order_input(ShareView, "created_at")


def shares(key: str, text: str) -> Any:
    """Return the connection of the shares whose column `key` names the parent."""
    return connection(db.Share, Share, ShareFilterInput, ShareOrderInput, text, key=key)


def shareable(type_: type[Node], key: str, noun: str, owner: str | None = None) -> None:
    """Let objects of this type be shared; `key` is the column of the share that names one.

    `owner` is the column of an object that names the member who may share it, whatever their role.
    """
    MODELS[key] = type_.model
    if owner:
        OWNERS[type_.model] = owner
    whose = "are not administrators" if owner is None else f"neither own the {noun} nor administer"
    text = f"The shares of the {noun}; empty for viewers who {whose}."
    extend_type(type_, shares=shares(key, text))


extend_type(
    Organization,
    shares=shares(
        "organization_id",
        "The shares of objects in the organization that the viewer can read, as an administrator"
        " of the organization, the project or the document.",
    ),
)
extend_type(
    Project,
    shares=shares(
        "project_id",
        "The shares of objects in the project; empty for viewers who are not administrators.",
    ),
)


extend_type(
    Share,
    views=connection(
        db.ShareView,
        ShareView,
        ShareViewFilterInput,
        ShareViewOrderInput,
        "The views of the share in the last 90 days, oldest first.",
        key="share_id",
    ),
)


@strawberry.type
class Query:
    share = by_id(db.Share, Share, "Look up a share by its ID.")
