"""The data of messages: who may read them, and the port by which selections are executed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from auth.credentials.grants import of_person
from auth.viewer import Role, Viewer
from db.feed.reading import Event
from db.pool import NOBODY, Database
from db.webhook_queue import Endpoint


class Payloads(Protocol):
    """The events that an endpoint is sent, and what it is sent of them."""

    def concerns(self, endpoint: Endpoint, viewer: Viewer, event: Event) -> bool:
        """Return whether the event passes the filters, and the viewer may read its object."""

    async def bodies(
        self, endpoint: Endpoint, viewer: Viewer, events: Sequence[Event]
    ) -> list[str]:
        """Return the body of a message for each event."""


async def principal(database: Database, endpoint: Endpoint) -> Viewer | None:
    """Return the viewer as whom messages are made; None if the service account is nobody now.

    An endpoint of a project reads nothing outside of it: its administrators may have no other role.
    """
    async with database.auth.lend(NOBODY) as lent:
        viewer = await of_person(
            lent, endpoint.service_account_id, endpoint.scopes, endpoint.organization_id
        )
    if viewer is None or endpoint.organization_id not in viewer.organizations:
        return None
    return viewer if endpoint.project_id is None else _only_in(viewer, endpoint)


def _only_in(viewer: Viewer, endpoint: Endpoint) -> Viewer:
    project, organization = endpoint.project_id, endpoint.organization_id
    assert project is not None  # noqa: S101 (it is an endpoint of a project)
    roles = [viewer.grants.get(scope, Role.ANYONE) for scope in (organization, project)]
    within = {
        scope: viewer.grants[scope]
        for scope, place in viewer.places.items()
        if place.key == "document_id" and place.project_id == project and scope in viewer.grants
    }
    return replace(
        viewer,
        grants={project: max(roles), **within},
        organizations=frozenset({organization}),
        public_projects=viewer.public_projects & {project},
        public_tenants=viewer.public_tenants & {organization},
        by_visibility=viewer.by_visibility & {project},
        places={
            scope: viewer.places[scope] for scope in (project, *within) if scope in viewer.places
        },
    )
